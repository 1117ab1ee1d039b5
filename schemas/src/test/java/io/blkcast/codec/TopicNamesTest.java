package io.blkcast.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TopicNamesTest {

  @Test
  void thePrefixStartsEveryName() {
    assertThat(TopicNames.defaults().all())
        .containsExactly(
            "blkcast.increments",
            "blkcast.extents",
            "blkcast.chunks",
            "blkcast.events",
            "blkcast.checkpoints",
            "blkcast.signals");
    assertThat(new TopicNames("").chunks()).isEqualTo("chunks");
  }

  @Test
  void aPrefixThatKafkaWouldNotTakeIsRefused() {
    for (String prefix : new String[] {"with space", "ä", "x".repeat(240), "a/b"}) {
      assertThatThrownBy(() -> new TopicNames(prefix))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("prefix");
    }
  }
}
