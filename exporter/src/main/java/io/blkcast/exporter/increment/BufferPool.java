package io.blkcast.exporter.increment;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Direct buffers, aligned to 4096 bytes for direct I/O and used again and again. How many there are
 * is bounded by who takes them: nobody takes one without its bytes in the {@link InFlightBudget}.
 * Thread-safe.
 */
public final class BufferPool {

  private static final int ALIGNMENT = 4096;

  private final Map<Integer, Deque<ByteBuffer>> free = new HashMap<>();
  private long allocated;
  private long lent;

  /** A cleared buffer of that capacity. */
  ByteBuffer take(int capacity) {
    synchronized (this) {
      lent += capacity;
      Deque<ByteBuffer> ready = free.get(capacity);
      ByteBuffer buffer = ready == null ? null : ready.poll();
      if (buffer != null) {
        return buffer.clear();
      }
      allocated += capacity;
    }
    return ByteBuffer.allocateDirect(capacity + ALIGNMENT - 1)
        .alignedSlice(ALIGNMENT)
        .slice(0, capacity);
  }

  /** Gives a buffer back that {@link #take} gave. */
  synchronized void give(ByteBuffer buffer) {
    lent -= buffer.capacity();
    free.computeIfAbsent(buffer.capacity(), size -> new ArrayDeque<>()).push(buffer);
  }

  /** Bytes of all buffers, in use or not. */
  public synchronized long allocated() {
    return allocated;
  }

  /** Bytes of the buffers in use. */
  public synchronized long lent() {
    return lent;
  }
}
