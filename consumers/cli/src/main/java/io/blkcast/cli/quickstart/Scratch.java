package io.blkcast.cli.quickstart;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A temporary directory, and what runs on it. Closed, also by Ctrl-C, it stops what runs, the last
 * started first, and deletes the directory. As long as the process lives it holds a lock on a file
 * in the directory: directories that killed processes of the same user left behind are recognized
 * by their free lock, and are unmounted and deleted when the next one is made.
 */
final class Scratch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Scratch.class);

  private static final String PREFIX = "blkcast-quickstart-";
  private static final String LOCK = "lock";
  private static final long UNMOUNT_SECONDS = 30;
  private static final long DEATH_SECONDS = 10;

  /**
   * Those of this process, whose lock files it must not open again: POSIX drops all locks of a
   * process on a file when the process closes any descriptor of it.
   */
  private static final Set<Path> OWN = ConcurrentHashMap.newKeySet();

  private final Path dir;
  private final FileChannel lock;
  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final Thread hook = new Thread(this::release, "blkcast-shutdown");
  private boolean released;

  /** In the directory for temporary files of this JVM. */
  Scratch() throws IOException {
    this(Path.of(System.getProperty("java.io.tmpdir")));
  }

  Scratch(Path parent) throws IOException {
    dir = Files.createTempDirectory(parent, PREFIX);
    OWN.add(dir.toRealPath());
    lock = hold(dir);
    Runtime.getRuntime().addShutdownHook(hook);
    removeAbandoned(parent, Files.getOwner(dir));
  }

  Path dir() {
    return dir;
  }

  /** A lock file that nobody ever sees without its lock. */
  private static FileChannel hold(Path dir) throws IOException {
    Path unlocked = dir.resolve(LOCK + ".new");
    FileChannel channel =
        FileChannel.open(unlocked, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try {
      channel.lock();
      channel.write(
          ByteBuffer.wrap(
              Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)));
      Files.move(unlocked, dir.resolve(LOCK), StandardCopyOption.ATOMIC_MOVE);
      return channel;
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  private static void removeAbandoned(Path parent, UserPrincipal owner) {
    try (DirectoryStream<Path> all = Files.newDirectoryStream(parent, PREFIX + "*")) {
      for (Path other : all) {
        // What others made in a directory that all may write to is not to be followed or deleted.
        if (Files.isDirectory(other, LinkOption.NOFOLLOW_LINKS)
            && !OWN.contains(other.toRealPath())
            && Files.getOwner(other, LinkOption.NOFOLLOW_LINKS).equals(owner)) {
          removeIfAbandoned(other);
        }
      }
    } catch (IOException e) {
      LOG.warn("{} may hold what earlier runs left: {}", parent, e.toString());
    }
  }

  private static void removeIfAbandoned(Path other) {
    try (FileChannel channel =
            FileChannel.open(
                other.resolve(LOCK), StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
        FileLock free = lockOfTheDead(channel, other)) {
      if (free != null) {
        unmountBelow(other);
        Utils.delete(other.toFile());
        LOG.info("removed {}, which a process that was killed left", other);
      }
    } catch (NoSuchFileException e) {
      // being made at this moment, or deleted
    } catch (IOException e) {
      LOG.warn("{} of a process that was killed is left: {}", other, e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * The lock, or null where the process lives. One that was killed while it wrote to its own mount
   * cannot end: the write waits for the mount's program, which waits for the killed process.
   * Killing that program ends both.
   */
  private static @Nullable FileLock lockOfTheDead(FileChannel channel, Path other)
      throws IOException, InterruptedException {
    FileLock lock = channel.tryLock();
    if (lock != null || !isDying(Files.readString(other.resolve(LOCK)))) {
      return lock;
    }
    killServersOf(other.toRealPath());
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEATH_SECONDS);
    while (lock == null && System.nanoTime() < deadline) {
      TimeUnit.MILLISECONDS.sleep(20);
      lock = channel.tryLock();
    }
    return lock;
  }

  /** Whether a process has ended but for threads that cannot. */
  private static boolean isDying(String pid) {
    try {
      String stat = Files.readString(Path.of("/proc", pid, "stat"));
      return stat.substring(stat.lastIndexOf(')') + 1).strip().startsWith("Z");
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean servesMounts(String command) {
    return Ext4Workload.PROGRAMS.contains(String.valueOf(Path.of(command).getFileName()));
  }

  /** The programs behind the mounts name the directory in their arguments. */
  private static void killServersOf(Path real) {
    ProcessHandle.allProcesses()
        .filter(process -> process.info().command().map(Scratch::servesMounts).orElse(false))
        .filter(
            process ->
                Stream.of(process.info().arguments().orElse(new String[0]))
                    .anyMatch(argument -> argument.startsWith(real + "/")))
        .forEach(ProcessHandle::destroyForcibly);
  }

  /** The programs behind the mounts outlive the process that started them, and end by this. */
  private static void unmountBelow(Path other) throws IOException, InterruptedException {
    String tool = Tools.find("fusermount3").isPresent() ? "fusermount3" : "fusermount";
    Path real = other.toRealPath();
    List<String> mounts =
        Files.readAllLines(Path.of("/proc/self/mounts"), StandardCharsets.UTF_8).stream()
            .map(line -> line.split(" ")[1].replace("\\040", " "))
            .filter(mount -> Path.of(mount).startsWith(real))
            .sorted(Comparator.comparingInt(String::length).reversed())
            .toList();
    for (String mount : mounts) {
      Tools.runOrFail(UNMOUNT_SECONDS, tool, "-u", "-z", mount);
    }
  }

  /** Stops it, too, when this is closed; at once where this is closed already. */
  synchronized <T extends AutoCloseable> T keep(T closeable) {
    running.push(closeable);
    if (released) {
      release();
      throw new IllegalStateException("shutting down");
    }
    return closeable;
  }

  private synchronized void release() {
    released = true;
    while (!running.isEmpty()) {
      try {
        running.pop().close();
      } catch (Exception e) {
        LOG.warn("not closed cleanly: {}", e.toString());
      }
    }
    try {
      Utils.delete(dir.toFile());
      lock.close();
    } catch (IOException e) {
      LOG.warn("{} not deleted: {}", dir, e.toString());
    }
  }

  @Override
  public void close() {
    release();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // that very hook is running
    }
  }
}
