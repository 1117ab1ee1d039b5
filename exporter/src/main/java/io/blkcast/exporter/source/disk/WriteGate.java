package io.blkcast.exporter.source.disk;

import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;

/**
 * Lets writes pass side by side, and holds all of them while it is closed.
 *
 * <p>Passing touches one counter of a few, chosen by thread, so that writers do not fight for a
 * cache line; closing waits for all counters to fall to zero.
 */
final class WriteGate {

  private static final int STRIPES = 16;

  /** Counters 64 bytes apart. */
  private static final int STRIDE = 16;

  private static final long POLL_NANOS = 20_000;

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

  /** Returns when nobody is inside any more; nobody enters until {@link #open}. */
  void close() {
    closer.acquireUninterruptibly();
    closed = true;
    for (int stripe = 0; stripe < STRIPES; stripe++) {
      while (inside.get(stripe * STRIDE) != 0) {
        LockSupport.parkNanos(POLL_NANOS);
      }
    }
  }

  void open() {
    closed = false;
    closer.release();
  }
}
