package io.blkcast.exporter.publish;

import io.blkcast.schema.PartitionRange;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Where the acknowledged records of an increment ended up in one topic: per partition the lowest
 * offset, the highest and the count. Grows with partitions, not with records. Thread-safe.
 */
final class RangeCollector {

  private long[] first = new long[1];
  private long[] end = new long[1];
  private long[] count = new long[1];

  /** Counts a record in. */
  synchronized void add(int partition, long offset) {
    if (partition >= count.length) {
      first = Arrays.copyOf(first, partition + 1);
      end = Arrays.copyOf(end, partition + 1);
      count = Arrays.copyOf(count, partition + 1);
    }
    first[partition] = count[partition] == 0 ? offset : Math.min(first[partition], offset);
    end[partition] = Math.max(end[partition], offset + 1);
    count[partition]++;
  }

  /** The ranges by partition; without those that hold nothing. */
  synchronized List<PartitionRange> ranges() {
    List<PartitionRange> ranges = new ArrayList<>();
    for (int partition = 0; partition < count.length; partition++) {
      if (count[partition] > 0) {
        ranges.add(
            new PartitionRange(partition, first[partition], end[partition], count[partition]));
      }
    }
    return ranges;
  }
}
