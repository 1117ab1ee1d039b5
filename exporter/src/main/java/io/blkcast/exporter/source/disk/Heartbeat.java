package io.blkcast.exporter.source.disk;

import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Does something at intervals on a thread of its own, and earlier when woken, until closed. */
public final class Heartbeat implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Heartbeat.class);

  private final long everyMillis;
  private final Runnable beat;
  private final Thread thread;
  private boolean woken;
  private boolean closed;

  Heartbeat(String name, Duration every, Runnable beat) {
    this.everyMillis = every.toMillis();
    this.beat = beat;
    this.thread = new Thread(this::run, name);
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /** The next beat is now. From any thread; does not wait for it. */
  synchronized void wake() {
    woken = true;
    notifyAll();
  }

  /** Waits for a beat under way; there is none after that. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized boolean await() {
    try {
      if (!closed && !woken) {
        wait(everyMillis);
      }
    } catch (InterruptedException e) {
      return false;
    }
    woken = false;
    return !closed;
  }

  private void run() {
    while (await()) {
      try {
        beat.run();
      } catch (Throwable e) {
        // Without this thread nothing notices what else writes, and nothing says so.
        LOG.error("{}: unexpected failure; tried again", thread.getName(), e);
      }
    }
  }
}
