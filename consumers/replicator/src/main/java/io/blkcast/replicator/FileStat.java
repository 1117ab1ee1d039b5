package io.blkcast.replicator;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Which file a path or descriptor leads to.
 *
 * @param device number of the filesystem's device, {@code major:minor} on Linux
 * @param inode number of the file within it
 * @param born when the file was made; empty where the filesystem does not keep that
 * @param special number of the device that the file stands for, {@code major:minor}; meaningless
 *     for a regular file
 */
record FileStat(String device, String inode, String born, String special) {

  private static final int AT_FDCWD = -100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_AND_BTIME = 0xfff;
  private static final int STATX_BTIME = 0x800;
  private static final int STATX_BYTES = 256;
  private static final int ENOENT = 2;

  /** Only Linux has this call, so that it is looked for only there. */
  private static final class Linux {
    static {
      Native.register(Linux.class, Platform.C_LIBRARY_NAME);
    }

    static native int statx(int dir, String path, int flags, int mask, byte[] into)
        throws LastErrorException;
  }

  /** The file that a descriptor has open; elsewhere than on Linux what its path leads to now. */
  static FileStat of(int fd, Path path) throws IOException {
    return Platform.isLinux() ? statx(fd, "", path) : portable(path);
  }

  /**
   * The file that a path leads to now, through symbolic links.
   *
   * @throws NoSuchFileException where there is none
   */
  static FileStat of(Path path) throws IOException {
    return Platform.isLinux()
        ? statx(AT_FDCWD, path.toAbsolutePath().toString(), path)
        : portable(path);
  }

  private static FileStat statx(int dir, String name, Path path) throws IOException {
    byte[] bytes = new byte[STATX_BYTES];
    try {
      Linux.statx(dir, name, name.isEmpty() ? AT_EMPTY_PATH : 0, STATX_BASIC_AND_BTIME, bytes);
    } catch (LastErrorException e) {
      if (e.getErrorCode() == ENOENT) {
        throw new NoSuchFileException(path.toString());
      }
      throw new IOException(path + ": " + e.getMessage(), e);
    }
    // Offsets as of struct statx in linux/stat.h.
    ByteBuffer statx = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    boolean born = (statx.getInt(0) & STATX_BTIME) != 0 && statx.getLong(80) != 0;
    return new FileStat(
        statx.getInt(136) + ":" + statx.getInt(140),
        Long.toUnsignedString(statx.getLong(32)),
        born ? statx.getLong(80) + "." + statx.getInt(88) : "",
        statx.getInt(128) + ":" + statx.getInt(132));
  }

  private static FileStat portable(Path path) throws IOException {
    return new FileStat(
        Files.getAttribute(path, "unix:dev").toString(),
        Files.getAttribute(path, "unix:ino").toString(),
        "",
        Files.getAttribute(path, "unix:rdev").toString());
  }
}
