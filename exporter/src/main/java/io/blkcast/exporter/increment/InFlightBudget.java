package io.blkcast.exporter.increment;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Bytes that all volumes together may have read and not yet seen acknowledged. Who finds too little
 * left is called back in turn; nobody overtakes. Thread-safe.
 */
public final class InFlightBudget {

  private record Waiter(long bytes, Runnable granted) {}

  private final long limit;
  private final Deque<Waiter> waiters = new ArrayDeque<>();
  private long used;

  /**
   * @param limit bytes; at least the largest that is ever asked for at once
   */
  public InFlightBudget(long limit) {
    this.limit = limit;
  }

  /**
   * Takes bytes from the budget.
   *
   * @param granted run later, from any thread, when the bytes have been taken in the caller's name;
   *     only when this returns false
   * @return whether they have been taken at once
   */
  boolean acquire(long bytes, Runnable granted) {
    if (bytes > limit) {
      throw new IllegalArgumentException(bytes + " bytes asked of a budget of " + limit);
    }
    synchronized (this) {
      if (waiters.isEmpty() && used + bytes <= limit) {
        used += bytes;
        return true;
      }
      waiters.add(new Waiter(bytes, granted));
      return false;
    }
  }

  /** Gives bytes back. */
  void release(long bytes) {
    Deque<Runnable> granted = new ArrayDeque<>();
    synchronized (this) {
      used -= bytes;
      for (Waiter next = waiters.peek();
          next != null && used + next.bytes() <= limit;
          next = waiters.peek()) {
        used += next.bytes();
        granted.add(next.granted());
        waiters.remove();
      }
    }
    granted.forEach(Runnable::run);
  }

  /** Bytes taken at this moment. */
  public synchronized long used() {
    return used;
  }

  /** The bound in bytes. */
  public long limit() {
    return limit;
  }
}
