package io.blkcast.exporter.publish;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.Uuid;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When a topic counts as deleted and made anew, which costs each volume a BASELINE. */
class BrokerWatchTest {

  private static final String TOPIC = "blkcast.chunks";
  private static final Uuid FIRST = new Uuid(1, 1);
  private static final Uuid SECOND = new Uuid(2, 2);

  private Publishers publishers;
  private BrokerWatch watch;

  @BeforeEach
  void watching() {
    publishers = new PublishFixture("localhost:1").exporter(PublishFixture.volume("v"));
    watch = publishers.watch();
  }

  @AfterEach
  void close() {
    watch.close();
    publishers.close();
  }

  private void assertRenewed(Uuid id, boolean renewed) {
    TopicDescription topic = new TopicDescription(TOPIC, false, List.of(), null, id);
    assertThat(watch.renewed(Map.of(TOPIC, topic)).contains(TOPIC)).isEqualTo(renewed);
  }

  @Test
  void a_topic_that_is_seen_first_or_again_is_not_new() {
    assertRenewed(FIRST, false);
    assertRenewed(FIRST, false);
  }

  @Test
  void a_topic_that_is_missing_for_a_while_is_not_new() {
    assertRenewed(FIRST, false);
    assertThat(watch.renewed(Map.of())).isEmpty();
    assertRenewed(FIRST, false);
  }

  @Test
  void a_topic_with_another_id_is_new_once_though_a_broker_still_names_the_old_one() {
    assertRenewed(FIRST, false);
    assertRenewed(SECOND, true);
    assertRenewed(FIRST, false);
    assertRenewed(SECOND, false);
  }

  @Test
  void a_broker_that_does_not_tell_the_id_says_nothing_of_the_topic() {
    assertRenewed(FIRST, false);
    assertRenewed(Uuid.ZERO_UUID, false);
    assertRenewed(FIRST, false);
  }
}
