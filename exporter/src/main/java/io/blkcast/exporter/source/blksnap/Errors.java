package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;

/** What an errno of the module means to the exporter, and what to do about it. */
final class Errors {

  /** The major version of the interface that is spoken here. */
  static final int MAJOR = 2;

  private Errors() {}

  /** Opening or asking the control device failed. */
  static SourceException control(ErrnoException e) {
    return switch (e.errno()) {
      case ErrnoException.ENOENT, ErrnoException.ENODEV, ErrnoException.ENXIO ->
          new SourceException(
              Code.UNSUPPORTED,
              "The blksnap module is not loaded ("
                  + e.getMessage()
                  + "). Run: modprobe blksnap; if that finds no module, install the blkcast-dkms package"
                  + " with the headers of the running kernel",
              e);
      case ErrnoException.EPERM, ErrnoException.EACCES -> permission(e);
      case ErrnoException.ENOTTY ->
          new SourceException(
              Code.UNSUPPORTED,
              e.getMessage()
                  + ". Another program's module owns "
                  + Abi.CONTROL_DEVICE
                  + ". Unload it, and run: modprobe blksnap",
              e);
      default -> new SourceException(Code.IO, e.getMessage(), e);
    };
  }

  /** Refuses a module that speaks another language. */
  static void requireKnown(ControlDevice.Version version) throws SourceException {
    if (version.major() != MAJOR) {
      throw new SourceException(
          Code.UNSUPPORTED,
          "The blksnap module that is loaded has interface version "
              + version
              + ", known is "
              + MAJOR
              + ". Install the module and the exporter of one release, then: modprobe -r blksnap &&"
              + " modprobe blksnap");
    }
  }

  /** Attaching the filter failed; a filter in place of ours is named, empty for none. */
  static SourceException attach(String volume, ErrnoException e, String filter) {
    if (e.errno() != ErrnoException.EBUSY) {
      return device(volume, e);
    }
    String what = "Volume " + volume + ": " + e.getMessage() + ". ";
    if (!filter.isEmpty() && !filter.equals(Abi.FILTER)) {
      return new SourceException(
          Code.BUSY,
          what + "The filter " + filter + " is attached to the device. Detach it with its own tool",
          e);
    }
    return new SourceException(
        Code.BUSY,
        what
            + "The whole disk or one of its partitions has a filter (see /sys/class/block/*/filter:"
            + " detach that), or a live patch, another module or kernel.ftrace_enabled=0 holds the"
            + " kernel function that is to be hooked (the kernel log names it: unload the other, or"
            + " run sysctl kernel.ftrace_enabled=1)",
        e);
  }

  /** Creating a snapshot with that storage failed. */
  static SourceException create(String storage, ErrnoException e) {
    String what = e.getMessage() + ". ";
    return switch (e.errno()) {
      case ErrnoException.EPERM, ErrnoException.EACCES -> permission(e);
      case ErrnoException.ENOENT ->
          new SourceException(
              Code.NO_SPACE,
              what + "There is no " + storage + ": make it, or set differenceStorage.path",
              e);
      case ErrnoException.EBUSY ->
          new SourceException(
              Code.NO_SPACE,
              what + storage + " is in use. Set differenceStorage.path to another place",
              e);
      case ErrnoException.EINVAL, ErrnoException.EOPNOTSUPP ->
          new SourceException(
              Code.NO_SPACE,
              what
                  + storage
                  + " cannot hold a difference storage. Set differenceStorage.path to a directory on"
                  + " ext4, xfs, btrfs or tmpfs, a regular file or a block device",
              e);
      case ErrnoException.ENOSPC ->
          new SourceException(
              Code.NO_SPACE,
              what + "Make room in " + storage + ", or set a differenceStorage.limit that fits",
              e);
      default -> new SourceException(Code.IO, e.getMessage(), e);
    };
  }

  /** A call on a volume's device failed. */
  static SourceException device(String volume, ErrnoException e) {
    String what = "Volume " + volume + ": " + e.getMessage();
    return switch (e.errno()) {
      case ErrnoException.EPERM, ErrnoException.EACCES -> permission(e);
      case ErrnoException.ENODEV, ErrnoException.ENXIO ->
          new SourceException(
              Code.GONE,
              what
                  + ". The device is not there. It is taken up again when it comes back; if it has"
                  + " another name now, give one of /dev/disk/by-id",
              e);
      case ErrnoException.EBUSY, ErrnoException.EALREADY ->
          new SourceException(
              Code.BUSY,
              what
                  + ". Another snapshot holds the device, or the difference storage lies on it (the"
                  + " kernel log names the way); see `blksnapctl list`, and"
                  + " /sys/class/block/*/filter for filters",
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
      case ErrnoException.EAGAIN ->
          new SourceException(
              Code.BUSY, what + ". The device changed its size just then; tried again", e);
      case ErrnoException.ETIMEDOUT ->
          new SourceException(
              Code.BUSY,
              what
                  + ". A filesystem did not freeze, writes did not come to an end, or the difference"
                  + " storage did not write in time; the kernel log says which. Nothing is frozen any"
                  + " more; tried again",
              e);
      case ErrnoException.ENOMEM ->
          new SourceException(Code.BUSY, what + ". The kernel is short of memory; tried again", e);
      case ErrnoException.EINVAL -> new SourceException(Code.INVALID, what, e);
      default -> new SourceException(Code.IO, what, e);
    };
  }

  private static SourceException permission(ErrnoException e) {
    return new SourceException(
        Code.PERMISSION,
        e.getMessage()
            + ". Run the exporter as root, or with CAP_SYS_ADMIN and access to the device",
        e);
  }
}
