package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;

/** What an errno of the module means to the exporter, and what to do about it. */
final class Errors {

  private Errors() {}

  /** Opening the control device failed. */
  static SourceException control(ErrnoException e) {
    return switch (e.errno()) {
      case ErrnoException.ENOENT, ErrnoException.ENODEV, ErrnoException.ENXIO ->
          new SourceException(
              Code.UNSUPPORTED,
              "The blksnap module is not loaded (" + e.getMessage() + "). Run: modprobe blksnap",
              e);
      case ErrnoException.EPERM, ErrnoException.EACCES -> permission(e);
      default -> new SourceException(Code.IO, e.getMessage(), e);
    };
  }

  /** A call on a volume's device failed. */
  static SourceException device(String volume, ErrnoException e) {
    String what = "Volume " + volume + ": " + e.getMessage();
    return switch (e.errno()) {
      case ErrnoException.EPERM, ErrnoException.EACCES -> permission(e);
      case ErrnoException.ENODEV, ErrnoException.ENXIO ->
          new SourceException(Code.GONE, what + ". The device has vanished", e);
      case ErrnoException.EBUSY, ErrnoException.EALREADY ->
          new SourceException(
              Code.BUSY,
              what
                  + ". Another filter or snapshot holds the device; see /sys/class/block/*/filter and"
                  + " `blksnapctl list`",
              e);
      case ErrnoException.ENOSPC ->
          new SourceException(
              Code.NO_SPACE,
              what + ". Give the difference storage another place or a limit that fits",
              e);
      case ErrnoException.ENOTTY ->
          new SourceException(
              Code.UNSUPPORTED,
              what + ". The blkfilter module is not loaded. Run: modprobe blksnap",
              e);
      case ErrnoException.EOPNOTSUPP ->
          new SourceException(
              Code.UNSUPPORTED,
              what + ". The module refuses this device; the kernel log says why",
              e);
      case ErrnoException.EINVAL -> new SourceException(Code.INVALID, what, e);
      default -> new SourceException(Code.IO, what, e);
    };
  }

  private static SourceException permission(ErrnoException e) {
    return new SourceException(
        Code.PERMISSION, e.getMessage() + ". Run the exporter as root or with CAP_SYS_ADMIN", e);
  }
}
