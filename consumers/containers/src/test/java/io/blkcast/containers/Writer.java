package io.blkcast.containers;

import io.blkcast.nbd.NbdClient;
import java.io.IOException;
import java.net.URI;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Random;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes to a tracked disk over NBD, on a thread of its own, and knows what the disk must hold. A
 * write that fails is counted, and done again over a new connection until it is acknowledged: so
 * what is expected stays certain.
 */
final class Writer implements AutoCloseable {

  private static final int BLOCK = 64 << 10;
  private static final int PACE_MILLIS = 100;
  private static final int RECONNECT_MILLIS = 200;

  private final Supplier<URI> disk;
  private final byte[] expected;
  private final Random random = new Random(1);
  private final Thread thread = new Thread(this::run, "writer");
  private @Nullable NbdClient client;
  private volatile boolean stopped;
  private volatile boolean paused;
  private volatile @Nullable Throwable failure;
  private volatile int broken;
  private volatile int written;

  /**
   * @param disk where it is served at the moment
   * @param size of the disk in bytes, a multiple of 64 KiB
   */
  Writer(Supplier<URI> disk, int size) {
    this.disk = disk;
    this.expected = new byte[size];
  }

  void start() {
    thread.start();
  }

  private void run() {
    try {
      while (!stopped) {
        Thread.sleep(PACE_MILLIS);
        if (!paused) {
          step();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      failure = e;
    }
  }

  private synchronized void step() throws InterruptedException {
    byte[] content = new byte[BLOCK];
    random.nextBytes(content);
    int offset = random.nextInt(expected.length / BLOCK) * BLOCK;
    while (!stopped && !tryWrite(offset, content)) {
      broken++;
      Thread.sleep(RECONNECT_MILLIS);
    }
    System.arraycopy(content, 0, expected, offset, BLOCK);
    written++;
  }

  private boolean tryWrite(int offset, byte[] content) {
    try {
      if (client == null) {
        client = new NbdClient(disk.get());
      }
      client.write(offset, content);
      return true;
    } catch (IOException | RuntimeException e) {
      drop();
      return false;
    }
  }

  private void drop() {
    if (client != null) {
      try {
        client.close();
      } catch (IOException e) {
        // it is gone already
      }
      client = null;
    }
  }

  /** Writes, whole blocks of 64 KiB, that were acknowledged. */
  int written() {
    return written;
  }

  /** Writes that had to be done again, because they failed or their connection broke. */
  int broken() {
    return broken;
  }

  /** Writes no more until resumed; SHA-256 of what the disk must hold now, hexadecimal. */
  String pause() {
    paused = true;
    synchronized (this) {
      Throwable thrown = failure;
      if (thrown != null) {
        throw new IllegalStateException("the writer failed", thrown);
      }
      try {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(expected));
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JRE has SHA-256", e);
      }
    }
  }

  void resume() {
    paused = false;
  }

  @Override
  public void close() throws InterruptedException {
    stopped = true;
    thread.join();
    drop();
  }
}
