package io.blkcast.replicator;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;
import com.sun.jna.Platform;

/** The few calls that Java's library has not. Numbers as of Linux's and macOS's headers. */
final class LibC {

  static final int O_RDONLY = 0;
  static final int O_RDWR = 2;

  /** Linux only, for block devices: no one else may hold it exclusively, a mount for instance. */
  static final int O_EXCL = 0x80;

  static final int O_CLOEXEC = Platform.isMac() ? 0x1000000 : 0x80000;
  static final int EBUSY = 16;
  static final int LOCK_SH = 1;
  static final int LOCK_EX = 2;
  static final int LOCK_NB = 4;
  static final int FALLOC_FL_KEEP_SIZE = 0x01;
  static final int FALLOC_FL_PUNCH_HOLE = 0x02;
  static final int FALLOC_FL_ZERO_RANGE = 0x10;

  static {
    Native.register(LibC.class, Platform.C_LIBRARY_NAME);
  }

  private LibC() {}

  static native int open(String path, int flags) throws LastErrorException;

  static native int close(int fd) throws LastErrorException;

  static native int flock(int fd, int operation) throws LastErrorException;

  /** Linux only. */
  static native int fallocate64(int fd, int mode, long offset, long length)
      throws LastErrorException;
}
