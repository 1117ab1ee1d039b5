package io.blkcast.file;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A directory for what must outlive a restart, of this user and for one process at a time.
 *
 * <p>A lock on a file in it keeps a second process off, also one that has no volume in common with
 * the first. The kernel releases it when the process ends, however that is. The file tells who
 * holds it, for messages.
 */
public final class StateDirectory implements AutoCloseable {

  private static final String LOCK = "lock";
  private static final int MOST_HOLDER = 200;

  /**
   * Of this process. Closing any channel of a file ends all locks that the process has on it, so a
   * file that is locked here must not even be opened.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path lockFile;
  private final FileChannel lock;
  private final boolean tightened;

  private StateDirectory(Path lockFile, FileChannel lock, boolean tightened) {
    this.lockFile = lockFile;
    this.lock = lock;
    this.tightened = tightened;
  }

  /**
   * Makes the directory where it is missing, and locks it.
   *
   * @throws UnsafePathException if another user owns it, or can write or exchange it
   * @throws IOException while another process holds it
   */
  public static StateDirectory claim(Path directory) throws IOException {
    boolean tightened = OwnFiles.claimDirectory(directory);
    Path lockFile = directory.toRealPath().resolve(LOCK);
    if (!HELD.add(lockFile)) {
      throw inUse(directory, me());
    }
    try {
      return new StateDirectory(lockFile, lock(directory, lockFile), tightened);
    } catch (IOException | RuntimeException e) {
      HELD.remove(lockFile);
      throw e;
    }
  }

  private static FileChannel lock(Path directory, Path lockFile) throws IOException {
    FileChannel channel =
        OwnFiles.open(
            lockFile, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    try {
      if (channel.tryLock() == null) {
        throw inUse(directory, holder(channel));
      }
      channel.truncate(0);
      channel.write(ByteBuffer.wrap((me() + "\n").getBytes(StandardCharsets.UTF_8)));
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static IOException inUse(Path directory, String holder) {
    return new IOException(
        "the state directory "
            + directory
            + " is in use by another exporter"
            + (holder.isEmpty() ? "" : " (" + holder + ")")
            + ". Nothing in it was changed. Stop that one first, or give this one another 'state'");
  }

  private static String me() throws IOException {
    return "process " + ProcessHandle.current().pid() + " on " + hostName();
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (IOException e) {
      return "this host";
    }
  }

  private static String holder(FileChannel channel) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(MOST_HOLDER);
    channel.read(text, 0);
    return new String(text.array(), 0, text.position(), StandardCharsets.UTF_8)
        .replaceAll("[^\\w .:-]", "");
  }

  /** Whether others could read the directory before, which is over now. */
  public boolean tightened() {
    return tightened;
  }

  /** Lets another process in. */
  @Override
  public void close() throws IOException {
    try {
      lock.close();
    } finally {
      HELD.remove(lockFile);
    }
  }
}
