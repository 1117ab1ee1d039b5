package io.blkcast.cli.quickstart;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.apache.kafka.common.utils.Utils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A temporary directory, and what runs on it. Closed, also by Ctrl-C, it stops what runs, the last
 * started first, and deletes the directory.
 */
final class Scratch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Scratch.class);

  private final Path dir;
  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final Thread hook = new Thread(this::release, "blkcast-shutdown");
  private boolean released;

  Scratch() throws IOException {
    dir = Files.createTempDirectory("blkcast-quickstart-");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  Path dir() {
    return dir;
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
