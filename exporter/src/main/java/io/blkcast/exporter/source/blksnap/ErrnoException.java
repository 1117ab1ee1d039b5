package io.blkcast.exporter.source.blksnap;

import java.io.IOException;
import java.util.Map;

/** A system call failed. */
final class ErrnoException extends IOException {

  private static final long serialVersionUID = 1L;

  static final int EPERM = 1;
  static final int ENOENT = 2;
  static final int ESRCH = 3;
  static final int EINTR = 4;
  static final int EIO = 5;
  static final int ENXIO = 6;
  static final int EAGAIN = 11;
  static final int ENOMEM = 12;
  static final int EACCES = 13;
  static final int EBUSY = 16;
  static final int EEXIST = 17;
  static final int ENODEV = 19;
  static final int EINVAL = 22;
  static final int ENOTTY = 25;
  static final int ENOSPC = 28;
  static final int ENODATA = 61;
  static final int EOPNOTSUPP = 95;
  static final int ETIMEDOUT = 110;
  static final int EALREADY = 114;

  /** Numbers of {@code asm-generic/errno.h}, which x86-64 and arm64 use. */
  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(EPERM, "EPERM"),
          Map.entry(ENOENT, "ENOENT"),
          Map.entry(ESRCH, "ESRCH"),
          Map.entry(EINTR, "EINTR"),
          Map.entry(EIO, "EIO"),
          Map.entry(ENXIO, "ENXIO"),
          Map.entry(EAGAIN, "EAGAIN"),
          Map.entry(ENOMEM, "ENOMEM"),
          Map.entry(EACCES, "EACCES"),
          Map.entry(EBUSY, "EBUSY"),
          Map.entry(EEXIST, "EEXIST"),
          Map.entry(ENODEV, "ENODEV"),
          Map.entry(EINVAL, "EINVAL"),
          Map.entry(ENOTTY, "ENOTTY"),
          Map.entry(ENOSPC, "ENOSPC"),
          Map.entry(ENODATA, "ENODATA"),
          Map.entry(EOPNOTSUPP, "EOPNOTSUPP"),
          Map.entry(ETIMEDOUT, "ETIMEDOUT"),
          Map.entry(EALREADY, "EALREADY"));

  private final int errno;
  private final String message;

  ErrnoException(String purpose, int errno) {
    this.message = purpose + ": " + name(errno);
    this.errno = errno;
  }

  @Override
  public String getMessage() {
    return message;
  }

  int errno() {
    return errno;
  }

  /** The symbolic name of an error number, or the number where it has none here. */
  static String name(int errno) {
    return NAMES.getOrDefault(errno, "errno " + errno);
  }
}
