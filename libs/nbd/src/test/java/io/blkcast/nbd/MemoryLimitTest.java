package io.blkcast.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MemoryLimitTest {

  private final List<String> granted = new ArrayList<>();
  private final MemoryLimit limit = new MemoryLimit(100, 60);
  private final MemoryLimit.Share one = limit.share();

  private boolean take(MemoryLimit.Share share, String who, long bytes) {
    return share.take(bytes, () -> granted.add(who));
  }

  @Test
  void whoFindsTooLittleLeftIsServedWhenEnoughCameBack() {
    assertThat(take(one, "a", 70)).isTrue();
    assertThat(take(one, "b", 60)).isFalse();
    one.giveBack(20);
    assertThat(granted).isEmpty();
    one.giveBack(10);
    assertThat(granted).containsExactly("b");
    assertThat(take(one, "c", 1)).as("0 of 100 are left: 40 of a and 60 of b").isFalse();
  }

  @Test
  void aLargeRequestIsNotOvertakenBySmallOnes() {
    assertThat(take(one, "a", 90)).isTrue();
    assertThat(take(one, "large", 100)).isFalse();
    assertThat(take(one, "small", 5)).isFalse();
    one.giveBack(90);
    assertThat(granted).containsExactly("large");
    one.giveBack(100);
    assertThat(granted).containsExactly("large", "small");
  }

  @Test
  void whatOneExportHoldsOrWaitsForKeepsNoOtherFromItsShare() {
    MemoryLimit.Share two = limit.share();
    assertThat(take(one, "greedy", 80)).as("its 20 and all that is common").isTrue();
    assertThat(take(one, "greedier", 1)).isFalse();
    assertThat(take(two, "a", 20)).isTrue();
    assertThat(take(two, "b", 1)).as("more than its share").isFalse();
    two.giveBack(20);
    assertThat(granted).containsExactly("b");
    assertThat(take(two, "c", 19)).isTrue();
  }

  @Test
  void whatBecomesFreeGoesToTheExportThatHoldsLeast() {
    MemoryLimit.Share two = limit.share();
    assertThat(take(one, "first", 40)).isTrue();
    assertThat(take(one, "second", 40)).isTrue();
    assertThat(take(one, "third", 40)).isFalse();
    assertThat(take(two, "other", 40)).isFalse();
    one.giveBack(40);
    assertThat(granted).as("40 are free, and one holds 40 already").containsExactly("other");
    one.giveBack(40);
    assertThat(granted).containsExactly("other", "third");
  }

  @Test
  void anExportThatIsGoneLeavesItsShareToTheOthers() {
    MemoryLimit.Share two = limit.share();
    assertThat(take(two, "a", 30)).isTrue();
    assertThat(take(one, "b", 100)).isFalse();
    two.close();
    assertThat(granted).as("30 are still held").isEmpty();
    two.giveBack(30);
    assertThat(granted).containsExactly("b");
  }
}
