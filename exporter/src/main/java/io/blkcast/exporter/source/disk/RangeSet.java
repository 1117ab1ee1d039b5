package io.blkcast.exporter.source.disk;

import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;

/**
 * A growing set of byte ranges, adjacent ones merged. Readers take no lock, and never miss a range
 * whose {@link #add} has returned: a merged range is put in place before those it swallows go.
 */
final class RangeSet {

  private final ConcurrentSkipListMap<Long, Long> endByStart = new ConcurrentSkipListMap<>();
  private final int maxRanges;
  private int ranges;

  /**
   * @param maxRanges most ranges kept, which bounds the memory (about 80 bytes each)
   */
  RangeSet(int maxRanges) {
    this.maxRanges = maxRanges;
  }

  /**
   * Adds the range from start to end.
   *
   * @return false where it would be one range too many: then nothing was added
   */
  synchronized boolean add(long start, long end) {
    long from = start;
    long to = end;
    Map.Entry<Long, Long> before = endByStart.floorEntry(start);
    if (before != null && before.getValue() >= start) {
      if (before.getValue() >= end) {
        return true;
      }
      from = before.getKey();
    }
    Map.Entry<Long, Long> last = endByStart.floorEntry(end);
    if (last != null && last.getValue() > end) {
      to = last.getValue();
    }
    boolean grows = !endByStart.containsKey(from);
    var swallowed = endByStart.subMap(from, false, to, true);
    if (grows && ranges >= maxRanges && swallowed.isEmpty()) {
      return false;
    }
    endByStart.put(from, to);
    ranges += grows ? 1 : 0;
    while (swallowed.pollFirstEntry() != null) {
      ranges--;
    }
    return true;
  }

  /** Whether any byte of the range is in the set. */
  boolean overlaps(long start, long end) {
    Map.Entry<Long, Long> last = endByStart.lowerEntry(end);
    return last != null && last.getValue() > start;
  }

  /** End of the range that holds the byte; the byte's own offset where none does. */
  long coveredUntil(long offset) {
    Map.Entry<Long, Long> entry = endByStart.floorEntry(offset);
    return entry == null ? offset : Math.max(offset, entry.getValue());
  }

  /** Start of the range that holds the byte before the offset; the offset where none does. */
  long coveredFrom(long offset) {
    Map.Entry<Long, Long> entry = endByStart.lowerEntry(offset);
    return entry == null || entry.getValue() < offset ? offset : entry.getKey();
  }
}
