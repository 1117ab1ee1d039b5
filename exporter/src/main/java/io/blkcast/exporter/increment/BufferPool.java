package io.blkcast.exporter.increment;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * Direct buffers, aligned to 4096 bytes for direct I/O and used again and again. Those in use are
 * bounded by who takes them: nobody takes one without its capacity in the {@link InFlightBudget}.
 * Of few sizes, so that those that lie ready fit the next that are wanted; where they do not, they
 * make room. Thread-safe.
 */
public final class BufferPool {

  private static final int ALIGNMENT = 4096;

  private final long most;
  private final IntFunction<ByteBuffer> allocator;
  private final Map<Integer, Deque<ByteBuffer>> free = new HashMap<>();
  private long allocated;
  private long lent;

  /**
   * @param most bytes of all buffers, in use or not; more than the budget, because buffers of
   *     another size are allocated anew where there is no room for both
   */
  BufferPool(long most) {
    this(most, BufferPool::allocate);
  }

  /**
   * @param allocator makes a buffer of a capacity
   */
  BufferPool(long most, IntFunction<ByteBuffer> allocator) {
    this.most = most;
    this.allocator = allocator;
  }

  private static ByteBuffer allocate(int capacity) {
    return ByteBuffer.allocateDirect(capacity + ALIGNMENT - 1)
        .alignedSlice(ALIGNMENT)
        .slice(0, capacity);
  }

  /**
   * Capacity of the buffer for so many bytes: a power of two, at least 4096, or a chunk.
   *
   * @param length bytes, 1 to those of a chunk
   * @param chunk bytes, a multiple of 4096
   */
  static int capacityFor(int length, int chunk) {
    return Math.min(chunk, Math.max(ALIGNMENT, Integer.highestOneBit(length - 1) << 1));
  }

  /**
   * A cleared buffer of that capacity.
   *
   * @throws OutOfMemoryError where the JVM allows no more direct memory; nothing is taken then
   */
  ByteBuffer take(int capacity) {
    synchronized (this) {
      lent += capacity;
      Deque<ByteBuffer> ready = free.get(capacity);
      ByteBuffer buffer = ready == null ? null : ready.poll();
      if (buffer != null) {
        return buffer.clear();
      }
      makeRoom(capacity);
      allocated += capacity;
    }
    try {
      return allocator.apply(capacity);
    } catch (OutOfMemoryError e) {
      synchronized (this) {
        lent -= capacity;
        allocated -= capacity;
      }
      throw e;
    }
  }

  /**
   * Leaves buffers that lie ready to the garbage collector until so many bytes more are allowed.
   */
  private void makeRoom(int bytes) {
    for (Deque<ByteBuffer> ready : free.values()) {
      while (allocated + bytes > most && !ready.isEmpty()) {
        allocated -= ready.remove().capacity();
      }
    }
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
