package io.blkcast.replicator;

import java.util.BitSet;

/**
 * Which tracking blocks of a volume are accounted for by increments looked at already, newest
 * first. Two bits a block: 16 MiB for 4 TiB of 64 KiB blocks.
 */
final class Coverage {

  private final long capacity;
  private final int blockSize;
  private final BitSet newer = new BitSet();
  private final BitSet current = new BitSet();

  Coverage(long capacity, int blockSize) {
    this.capacity = capacity;
    this.blockSize = blockSize;
  }

  /** Takes a range that is not accounted for by newer increments. */
  interface Range<E extends Exception> {
    void accept(long offset, long length) throws E;
  }

  /** Notes a chunk of the increment at hand, and passes on the parts that no newer one covers. */
  <E extends Exception> void chunk(long offset, long size, Range<E> uncovered) throws E {
    int first = block(offset);
    int last = block(offset + size - 1);
    current.set(first, last + 1);
    for (int from = newer.nextClearBit(first); from <= last; ) {
      int to = newer.nextSetBit(from);
      to = to < 0 ? last + 1 : Math.min(to, last + 1);
      long begin = Math.max(offset, (long) from * blockSize);
      long end = Math.min(offset + size, (long) to * blockSize);
      uncovered.accept(begin, end - begin);
      from = newer.nextClearBit(to);
    }
  }

  /**
   * Ends the increment at hand.
   *
   * @return bytes of the blocks it touched; more than its chunks' bytes where it holds parts of
   *     blocks, which no exporter publishes
   */
  long endIncrement() {
    int lastBlock = block(capacity - 1);
    long bytes = (long) current.cardinality() * blockSize;
    if (current.get(lastBlock)) {
      bytes -= (long) (lastBlock + 1) * blockSize - capacity;
    }
    newer.or(current);
    current.clear();
    return bytes;
  }

  /** Whether nothing older counts any more. */
  boolean isComplete() {
    return newer.nextClearBit(0) > block(capacity - 1);
  }

  private int block(long offset) {
    return Math.toIntExact(offset / blockSize);
  }
}
