package io.blkcast.client;

import java.util.BitSet;

/**
 * Sequence numbers seen, of a series from 0 without gaps that may come out of order within a
 * bounded window (stripes are read in parallel). Memory: two bits for a number of the window.
 */
final class Sequence {

  /** Numbers that one may be ahead of the lowest missing one. */
  static final int WINDOW = 65_536;

  /** Bit i: number base + i was seen. Base moves up once a whole window below next is done. */
  private BitSet seen = new BitSet();

  private long base;
  private long next;

  /** What a number is. */
  enum Seen {
    NEW,
    DUPLICATE,
    /** Further ahead of the lowest missing number than the window: a gap, or not our series. */
    BEYOND
  }

  /** Takes note of a number, 0 or more. */
  Seen see(long number) {
    if (number < next) {
      return Seen.DUPLICATE;
    }
    if (number - next >= WINDOW) {
      return Seen.BEYOND;
    }
    int index = (int) (number - base);
    if (seen.get(index)) {
      return Seen.DUPLICATE;
    }
    seen.set(index);
    if (number == next) {
      next = base + seen.nextClearBit(index);
      if (next - base >= WINDOW) {
        seen = seen.get((int) (next - base), Math.max(seen.length(), (int) (next - base)));
        base = next;
      }
    }
    return Seen.NEW;
  }

  /** The lowest number not seen. */
  long next() {
    return next;
  }

  /** Whether exactly the numbers 0 to count-1 were seen. */
  boolean isExactly(long count) {
    return next == count && seen.length() <= next - base;
  }
}
