package io.blkcast.exporter.publish;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.schema.PartitionRange;
import org.junit.jupiter.api.Test;

class RangeCollectorTest {

  @Test
  void nothingHasNoRange() {
    assertThat(new RangeCollector().ranges()).isEmpty();
  }

  @Test
  void acknowledgementsOutOfOrderMakeOneRangePerPartition() {
    RangeCollector ranges = new RangeCollector();
    ranges.add(3, 17);
    ranges.add(0, 0);
    ranges.add(3, 12);
    ranges.add(3, 15);
    assertThat(ranges.ranges())
        .containsExactly(new PartitionRange(0, 0L, 1L, 1L), new PartitionRange(3, 12L, 18L, 3L));
  }
}
