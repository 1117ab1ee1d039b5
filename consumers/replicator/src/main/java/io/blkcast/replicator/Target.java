package io.blkcast.replicator;

import com.sun.jna.LastErrorException;
import com.sun.jna.Platform;
import io.blkcast.file.OwnFiles;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * A raw image file or a block device, open for writing and locked against other replicators.
 *
 * <p>The lock is {@code flock} on the target itself, so that it holds whatever paths and state
 * files are used, and goes with the process. A block device is claimed exclusively as well, on
 * Linux: what is mounted, or part of LVM or md, is refused, and cannot become so meanwhile. Not for
 * several threads at once.
 */
final class Target implements Closeable {

  private static final int ZERO_BYTES = 1 << 20;
  private static final int LOCK_ATTEMPTS = 5;
  private static final long LOCK_PAUSE_MILLIS = 50;

  private final Path path;
  private final boolean device;
  private final boolean made;
  private final FileChannel channel;
  private final int fd;
  private final FileStat file;
  private boolean canPunch = Platform.isLinux();
  private boolean canZero = Platform.isLinux();
  private final ByteBuffer zeroes = ByteBuffer.allocateDirect(ZERO_BYTES);

  private Target(
      Path path, boolean device, boolean made, FileChannel channel, int fd, FileStat file) {
    this.path = path;
    this.device = device;
    this.made = made;
    this.channel = channel;
    this.fd = fd;
    this.file = file;
  }

  /** Opens and locks; a missing file is made, empty. */
  static Target open(Path path) throws IOException {
    boolean made = !Files.exists(path);
    boolean device = !made && !Files.isRegularFile(path);
    if (Files.isDirectory(path)) {
      throw new IOException(path + " is a directory: name an image file or a block device");
    }
    FileChannel channel =
        device
            ? FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)
            : FileChannel.open(
                path,
                Set.of(
                    StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE),
                OwnFiles.FILE_MODE);
    int fd = -1;
    try {
      FileStat opened = FileStat.of(path);
      fd = openLocked(path, device);
      FileStat file = FileStat.of(fd, path);
      if (!file.equals(opened)) {
        throw new IOException(path + " was replaced while it was opened: start again");
      }
      return new Target(path, device, made, channel, fd, file);
    } catch (IOException e) {
      channel.close();
      if (fd >= 0) {
        LibC.close(fd);
      }
      throw e;
    }
  }

  private static int openLocked(Path path, boolean device) throws IOException {
    int fd;
    try {
      int exclusively = device && Platform.isLinux() ? LibC.O_EXCL : 0;
      fd = LibC.open(path.toString(), LibC.O_RDWR | LibC.O_CLOEXEC | exclusively);
    } catch (LastErrorException e) {
      if (e.getErrorCode() == LibC.EBUSY) {
        throw new IOException(
            path
                + " is in use: mounted, part of LVM or md, or another replicator's target;"
                + " end that first",
            e);
      }
      throw new IOException(path + " cannot be opened: " + e.getMessage(), e);
    }
    for (int attempt = 1; ; attempt++) {
      try {
        LibC.flock(fd, LibC.LOCK_EX | LibC.LOCK_NB);
        return fd;
      } catch (LastErrorException e) {
        // A verifier that asks whether anyone has the lock has it itself for a moment.
        if (attempt < LOCK_ATTEMPTS && paused()) {
          continue;
        }
        LibC.close(fd);
        throw new IOException(
            path + " is locked by another process, a replicator of it perhaps: stop that first", e);
      }
    }
  }

  private static boolean paused() {
    try {
      Thread.sleep(LOCK_PAUSE_MILLIS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Whether a replicator has the target open at the moment. */
  static boolean isLocked(Path path) throws IOException {
    int fd;
    try {
      fd = LibC.open(path.toString(), LibC.O_RDONLY | LibC.O_CLOEXEC);
    } catch (LastErrorException e) {
      throw new IOException(path + " cannot be opened: " + e.getMessage(), e);
    }
    try {
      LibC.flock(fd, LibC.LOCK_SH | LibC.LOCK_NB);
      return false;
    } catch (LastErrorException e) {
      return true;
    } finally {
      LibC.close(fd);
    }
  }

  Path path() {
    return path;
  }

  boolean isDevice() {
    return device;
  }

  /** Whether the file was not there and was made, empty, when this was opened. */
  boolean wasMade() {
    return made;
  }

  TargetIdentity identity() throws IOException {
    return TargetIdentity.of(file, device);
  }

  /** Whether the path still leads to what this has open. */
  boolean isInPlace() throws IOException {
    try {
      FileStat now = FileStat.of(path);
      return device ? now.special().equals(file.special()) : now.equals(file);
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** Bytes of the file or device. */
  long size() throws IOException {
    return channel.size();
  }

  /** Sets the size of an image file; new space is a hole. */
  void resize(long bytes) throws IOException {
    if (channel.size() > bytes) {
      channel.truncate(bytes);
    } else if (channel.size() < bytes) {
      channel.write(ByteBuffer.allocate(1), bytes - 1);
    }
  }

  void read(long offset, ByteBuffer into) throws IOException {
    long at = offset;
    while (into.hasRemaining()) {
      int n = channel.read(into, at);
      if (n < 0) {
        throw new IOException(path + " ends at " + at);
      }
      at += n;
    }
  }

  /** Reads, taking what lies beyond the end as zeroes. */
  void readPadded(long offset, ByteBuffer into) throws IOException {
    long at = offset;
    while (into.hasRemaining()) {
      int n = channel.read(into, at);
      if (n < 0) {
        into.put(new byte[into.remaining()]);
        return;
      }
      at += n;
    }
  }

  void write(long offset, ByteBuffer content) throws IOException {
    long at = offset;
    while (content.hasRemaining()) {
      at += channel.write(content, at);
    }
  }

  /** Makes a range read as zero: a hole where that can be had, else zeroes are written. */
  void zero(long offset, long length) throws IOException {
    if (canPunch) {
      canPunch = allocate(LibC.FALLOC_FL_PUNCH_HOLE | LibC.FALLOC_FL_KEEP_SIZE, offset, length);
      if (canPunch) {
        return;
      }
    }
    if (canZero) {
      canZero = allocate(LibC.FALLOC_FL_ZERO_RANGE | LibC.FALLOC_FL_KEEP_SIZE, offset, length);
      if (canZero) {
        return;
      }
    }
    for (long at = offset; at < offset + length; ) {
      zeroes.clear().limit((int) Math.min(ZERO_BYTES, offset + length - at));
      at += channel.write(zeroes, at);
    }
  }

  /** False where the filesystem or device refuses this way of doing it. */
  private boolean allocate(int mode, long offset, long length) {
    try {
      LibC.fallocate64(fd, mode, offset, length);
      return true;
    } catch (LastErrorException e) {
      return false;
    }
  }

  /** Returns when all that was written is on stable storage. */
  void sync() throws IOException {
    channel.force(true);
  }

  @Override
  public void close() throws IOException {
    try (channel) {
      LibC.close(fd);
    }
  }
}
