package io.blkcast.exporter.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MemoryLimitTest {

  private final List<String> granted = new ArrayList<>();
  private final MemoryLimit limit = new MemoryLimit(100);

  private boolean take(String who, long bytes) {
    return limit.take(bytes, () -> granted.add(who));
  }

  @Test
  void whoFindsTooLittleLeftIsServedWhenEnoughCameBack() {
    assertThat(take("a", 70)).isTrue();
    assertThat(take("b", 60)).isFalse();
    limit.giveBack(20);
    assertThat(granted).isEmpty();
    limit.giveBack(10);
    assertThat(granted).containsExactly("b");
    assertThat(take("c", 1)).as("0 of 100 are left: 40 of a and 60 of b").isFalse();
  }

  @Test
  void aLargeRequestIsNotOvertakenBySmallOnes() {
    assertThat(take("a", 90)).isTrue();
    assertThat(take("large", 100)).isFalse();
    assertThat(take("small", 5)).isFalse();
    limit.giveBack(90);
    assertThat(granted).containsExactly("large");
    limit.giveBack(100);
    assertThat(granted).containsExactly("large", "small");
  }
}
