package io.blkcast.exporter.source.disk;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Linux's statx, which knows the time a file was made; else what Java can tell of a file. */
final class Statx {

  /** From Linux's uapi headers stat.h, fcntl.h and errno-base.h. */
  private static final int AT_FDCWD = -100;

  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int BASIC_STATS_AND_BTIME = 0x7ff | 0x800;
  private static final int BTIME = 0x800;
  private static final int BUFFER_BYTES = 256;
  private static final int INODE = 32;
  private static final int SIZE = 40;
  private static final int BORN = 80;
  private static final int CHANGED = 96;
  private static final int DEVICE_MAJOR = 136;
  private static final int DEVICE_MINOR = 140;
  private static final int ENOENT = 2;
  private static final int ENOTDIR = 20;

  private static final boolean AVAILABLE = register();

  private Statx() {}

  /**
   * The file that the path leads to.
   *
   * @throws NoSuchFileException where it leads to none
   */
  static ImageMark at(Path path) throws IOException {
    if (AVAILABLE) {
      try {
        return call(AT_FDCWD, path.toString(), 0);
      } catch (LastErrorException e) {
        if (e.getErrorCode() == ENOENT || e.getErrorCode() == ENOTDIR) {
          throw new NoSuchFileException(path.toString());
        }
        // Forbidden by a seccomp profile, or a kernel before 4.11: Java asks in another way.
      }
    }
    return byJava(path);
  }

  /** The file that is open, whatever its name is by now. */
  static ImageMark of(int descriptor) throws IOException {
    if (AVAILABLE) {
      try {
        return call(descriptor, "", AT_EMPTY_PATH);
      } catch (LastErrorException e) {
        // As above.
      }
    }
    return byJava(NativeFile.pathOf(descriptor));
  }

  private static ImageMark call(int directory, String path, int flags) {
    byte[] bytes = new byte[BUFFER_BYTES];
    statx(directory, path, flags, BASIC_STATS_AND_BTIME, bytes);
    ByteBuffer stat = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    return new ImageMark(
        (long) stat.getInt(DEVICE_MAJOR) << 32 | stat.getInt(DEVICE_MINOR) & 0xffff_ffffL,
        stat.getLong(INODE),
        (stat.getInt(0) & BTIME) == 0 ? 0 : nanos(stat, BORN),
        stat.getLong(SIZE),
        nanos(stat, CHANGED));
  }

  private static long nanos(ByteBuffer stat, int at) {
    return TimeUnit.SECONDS.toNanos(stat.getLong(at)) + stat.getInt(at + 8);
  }

  private static ImageMark byJava(Path path) throws IOException {
    Map<String, Object> stat = Files.readAttributes(path, "unix:dev,ino,size,ctime");
    return new ImageMark(
        number(stat, "dev"),
        number(stat, "ino"),
        0,
        number(stat, "size"),
        stat.get("ctime") instanceof FileTime time ? time.to(TimeUnit.NANOSECONDS) : 0);
  }

  private static long number(Map<String, Object> stat, String name) {
    return stat.get(name) instanceof Number value ? value.longValue() : 0;
  }

  private static boolean register() {
    if (!Platform.isLinux() || !Platform.is64Bit()) {
      return false;
    }
    try {
      Native.register(Statx.class, Platform.C_LIBRARY_NAME);
      return true;
    } catch (UnsatisfiedLinkError e) {
      return false;
    }
  }

  private static native int statx(int directory, String path, int flags, int mask, byte[] stat)
      throws LastErrorException;
}
