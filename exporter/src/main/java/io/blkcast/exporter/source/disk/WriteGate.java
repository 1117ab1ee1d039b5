package io.blkcast.exporter.source.disk;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;

/**
 * Lets writes pass side by side, and holds all of them while it is closed.
 *
 * <p>Passing touches one counter of a few, chosen by thread, so that writers do not fight for a
 * cache line; closing waits for all counters to fall to zero, but never without bound.
 */
final class WriteGate {

  private static final int STRIPES = 16;

  /** Counters 64 bytes apart. */
  private static final int STRIDE = 16;

  private static final long POLL_NANOS = 20_000;

  /** How long {@link #drain} holds writes back the first time, and at most. */
  private static final long FIRST_HOLD_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private static final long LAST_HOLD_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final AtomicIntegerArray inside = new AtomicIntegerArray(STRIPES * STRIDE);
  private final Semaphore closer = new Semaphore(1);
  private volatile boolean closed;

  /** Waits while the gate is closed. The result goes to {@link #exit}, on any thread. */
  int enter() {
    int counter = (int) (Thread.currentThread().getId() % STRIPES) * STRIDE;
    while (true) {
      inside.getAndIncrement(counter);
      if (!closed) {
        return counter;
      }
      inside.getAndDecrement(counter);
      closer.acquireUninterruptibly();
      closer.release();
    }
  }

  void exit(int counter) {
    inside.getAndDecrement(counter);
  }

  /**
   * Closes the gate; nobody enters until {@link #open}.
   *
   * @param deadline of {@link System#nanoTime}: one write that hangs must not hold back all others
   * @return true when nobody is inside any more; false where somebody still is at the deadline, and
   *     the gate is open
   */
  boolean close(long deadline) {
    while (!closer.tryAcquire()) {
      if (System.nanoTime() - deadline >= 0) {
        return false;
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
    closed = true;
    for (int stripe = 0; stripe < STRIPES; stripe++) {
      while (inside.get(stripe * STRIDE) != 0) {
        if (System.nanoTime() - deadline >= 0) {
          open();
          return false;
        }
        LockSupport.parkNanos(POLL_NANOS);
      }
    }
    return true;
  }

  /**
   * Returns when all who are inside now have left, however long that takes; every now and then it
   * lets others pass.
   */
  void drain() {
    long hold = FIRST_HOLD_NANOS;
    while (!close(System.nanoTime() + hold)) {
      LockSupport.parkNanos(hold);
      hold = Math.min(2 * hold, LAST_HOLD_NANOS);
    }
    open();
  }

  void open() {
    closed = false;
    closer.release();
  }
}
