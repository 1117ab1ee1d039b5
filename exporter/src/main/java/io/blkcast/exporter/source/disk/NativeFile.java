package io.blkcast.exporter.source.disk;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What Linux can do with a sparse file and Java cannot ask for: find holes, punch them, allocate
 * zeroes, lock. A descriptor of its own on the file; moving its offset disturbs nobody.
 */
final class NativeFile {

  /** From Linux's uapi headers fcntl.h, falloc.h, unistd.h, file.h and errno-base.h. */
  private static final int O_RDWR_CLOEXEC = 0x2 | 0x80000;

  private static final int KEEP_SIZE = 0x1;
  private static final int PUNCH_HOLE = 0x2;
  private static final int ZERO_RANGE = 0x10;
  private static final int SEEK_DATA = 3;
  private static final int SEEK_HOLE = 4;
  private static final int LOCK_EX_NB = 2 | 4;
  private static final int ENXIO = 6;
  private static final int EAGAIN = 11;
  private static final int EINTR = 4;
  private static final int ENOSYS = 38;
  private static final int EOPNOTSUPP = 95;

  private static final boolean AVAILABLE = register();

  private final int fd;

  private NativeFile(int fd) {
    this.fd = fd;
  }

  /** Empty where this is not Linux, or its C library cannot be called. */
  static Optional<NativeFile> open(Path file) throws IOException {
    if (!AVAILABLE) {
      return Optional.empty();
    }
    try {
      return Optional.of(new NativeFile(open(file.toString(), O_RDWR_CLOEXEC)));
    } catch (LastErrorException e) {
      throw new IOException("cannot open " + file + ": " + e.getMessage(), e);
    }
  }

  /**
   * First byte at or after {@code from} that is not in a hole.
   *
   * @return -1 where only a hole follows
   */
  long nextData(long from) throws IOException {
    return seek(from, SEEK_DATA);
  }

  /** First byte at or after {@code from} that is in a hole; the file's end counts as one. */
  long nextHole(long from) throws IOException {
    return seek(from, SEEK_HOLE);
  }

  /** Makes the range a hole. False where the filesystem cannot. */
  boolean punch(long offset, long length) throws IOException {
    return fallocate(PUNCH_HOLE | KEEP_SIZE, offset, length);
  }

  /** Makes the range read as zero and stay allocated. False where the filesystem cannot. */
  boolean zero(long offset, long length) throws IOException {
    return fallocate(ZERO_RANGE | KEEP_SIZE, offset, length);
  }

  /** Gives holes in the range room and changes no content. False where the filesystem cannot. */
  boolean allocate(long offset, long length) throws IOException {
    return fallocate(KEEP_SIZE, offset, length);
  }

  /**
   * Locks the file against others that lock it, also by another name or from this process, until
   * this is closed. Java's locks end as soon as any descriptor of the file is closed.
   *
   * @return false where another has locked it
   */
  boolean lock() throws IOException {
    while (true) {
      try {
        flock(fd, LOCK_EX_NB);
        return true;
      } catch (LastErrorException e) {
        if (e.getErrorCode() == EAGAIN) {
          return false;
        }
        if (e.getErrorCode() != EINTR) {
          throw new IOException("flock: " + e.getMessage(), e);
        }
      }
    }
  }

  /** The file as it is now. */
  ImageMark mark() throws IOException {
    return Statx.of(fd);
  }

  /** Cuts the file, or grows it by a hole. */
  void resize(long bytes) throws IOException {
    while (true) {
      try {
        ftruncate(fd, bytes);
        return;
      } catch (LastErrorException e) {
        if (e.getErrorCode() != EINTR) {
          throw new IOException("ftruncate: " + e.getMessage(), e);
        }
      }
    }
  }

  /** A path to this very file, whatever its name is by now. */
  Path path() {
    return pathOf(fd);
  }

  static Path pathOf(int descriptor) {
    return Path.of("/proc/self/fd", Integer.toString(descriptor));
  }

  void close() {
    try {
      close(fd);
    } catch (LastErrorException e) {
      // Nothing was written through this descriptor: there is nothing to lose.
    }
  }

  private long seek(long from, int whence) throws IOException {
    try {
      return lseek(fd, from, whence);
    } catch (LastErrorException e) {
      if (e.getErrorCode() == ENXIO) {
        return -1;
      }
      throw new IOException("lseek: " + e.getMessage(), e);
    }
  }

  private boolean fallocate(int mode, long offset, long length) throws IOException {
    while (true) {
      try {
        fallocate(fd, mode, offset, length);
        return true;
      } catch (LastErrorException e) {
        if (e.getErrorCode() == EOPNOTSUPP || e.getErrorCode() == ENOSYS) {
          return false;
        }
        if (e.getErrorCode() != EINTR) {
          throw new IOException("fallocate: " + e.getMessage(), e);
        }
      }
    }
  }

  private static boolean register() {
    if (!Platform.isLinux() || !Platform.is64Bit()) {
      return false;
    }
    try {
      Native.register(NativeFile.class, Platform.C_LIBRARY_NAME);
      return true;
    } catch (UnsatisfiedLinkError e) {
      return false;
    }
  }

  private static native int open(String path, int flags) throws LastErrorException;

  private static native int close(int fd) throws LastErrorException;

  private static native long lseek(int fd, long offset, int whence) throws LastErrorException;

  private static native int ftruncate(int fd, long length) throws LastErrorException;

  private static native int flock(int fd, int operation) throws LastErrorException;

  private static native int fallocate(int fd, int mode, long offset, long length)
      throws LastErrorException;
}
