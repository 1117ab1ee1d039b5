package io.blkcast.exporter.publish;

import static io.blkcast.exporter.publish.PublishFixture.volume;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.TopicNames;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.kafka.TopicSetup;
import io.blkcast.kafka.TopicSpec;
import io.blkcast.testkit.EmbeddedBroker;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 2, unit = TimeUnit.MINUTES)
class TopicSetupIT {

  private static EmbeddedBroker broker;
  private final PublishFixture kafka = new PublishFixture(broker);
  private final TopicNames names = kafka.names;

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.started();
  }

  @AfterAll
  static void stop() {
    broker.close();
  }

  @Test
  void missingTopicsAreMadeSoThatTheyPassTheirOwnCheck() throws Exception {
    try (Admin admin = kafka.admin()) {
      List<TopicSpec> specs = TopicSpec.of(names, 4, 2, 2 << 20);
      assertThat(new TopicSetup(admin, specs, OptionalInt.of(1), "").ensure()).isEmpty();
      assertThat(new TopicSetup(admin, specs, OptionalInt.of(1), "").ensure()).isEmpty();
      assertThat(admin.listTopics().names().get()).containsAll(names.all());
      assertThat(setting(admin, names.checkpoints(), "cleanup.policy")).isEqualTo("compact");
      assertThat(setting(admin, names.increments(), "cleanup.policy")).isEqualTo("delete");
      assertThat(Integer.parseInt(setting(admin, names.chunks(), "max.message.bytes")))
          .isGreaterThan(2 << 20);
      assertThat(
              requireNonNull(
                      admin
                          .describeTopics(List.of(names.chunks()))
                          .allTopicNames()
                          .get()
                          .get(names.chunks()))
                  .partitions())
          .hasSize(4);
    }
  }

  @Test
  void topicsThatWouldLoseDataAreRefusedWithTheRemedy() throws Exception {
    make(names.checkpoints(), 1, Map.of("cleanup.policy", "delete"));
    make(names.increments(), 1, Map.of("cleanup.policy", "compact"));
    make(names.chunks(), 1, Map.of("cleanup.policy", "compact,delete"));
    make(names.extents(), 1, Map.of("max.message.bytes", "1000"));
    make(names.events(), 1, Map.of("min.insync.replicas", "2"));
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      assertThatThrownBy(() -> PublishFixture.open(publisher))
          .isInstanceOfSatisfying(
              BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.MISCONFIGURED))
          .hasMessageContaining(
              "--topic " + names.checkpoints() + " --add-config cleanup.policy=compact")
          .hasMessageContaining(
              "--topic " + names.increments() + " --add-config cleanup.policy=delete")
          .hasMessageContaining("--topic " + names.chunks() + " --add-config cleanup.policy=delete")
          .hasMessageContaining("--topic " + names.extents() + " --add-config max.message.bytes=")
          .hasMessageContaining(
              "--topic " + names.events() + " --add-config min.insync.replicas=1");
    }
  }

  @Test
  void aCheckpointsTopicThatAlsoDeletesIsRefused() throws Exception {
    make(names.checkpoints(), 1, Map.of("cleanup.policy", "compact,delete"));
    assertRefused(volume("a"), "a quiet volume");
  }

  @Test
  void chunksLargerThanTheTopicTakesAreRefused() throws Exception {
    make(names.chunks(), 1, Map.of());
    assertRefused(new VolumeSettings("a", 1 << 20, false, 1), "max.message.bytes");
  }

  @Test
  void moreStripesThanPartitionsAreRefused() throws Exception {
    make(names.chunks(), 2, Map.of());
    assertRefused(new VolumeSettings("a", 65_536, false, 3), "--partitions 3");
  }

  @Test
  void whatMayLoseDataIsWarnedOf() throws Exception {
    make(
        names.chunks(),
        1,
        Map.of(
            "retention.ms", "60000",
            "retention.bytes", "1000000",
            "unclean.leader.election.enable", "true"));
    try (Admin admin = kafka.admin()) {
      assertThat(
              new TopicSetup(admin, TopicSpec.of(names, 1, 1, 65_536), OptionalInt.empty(), "")
                  .ensure())
          .hasSize(3)
          .allMatch(warning -> warning.startsWith("topic " + names.chunks()))
          .anyMatch(warning -> warning.contains("PT1M"))
          .anyMatch(warning -> warning.contains("retention.bytes"))
          .anyMatch(warning -> warning.contains("unclean"));
    }
  }

  @Test
  void moreReplicasThanBrokersAreRefused() throws Exception {
    try (Admin admin = kafka.admin()) {
      assertThatThrownBy(
              new TopicSetup(admin, TopicSpec.of(names, 1, 1, 65_536), OptionalInt.of(3), "")
                  ::ensure)
          .isInstanceOfSatisfying(
              BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.MISCONFIGURED))
          .hasMessageContaining("topics.replicationFactor");
    }
  }

  @Test
  void settingsThatWouldBreakThePromisesAreRefused() {
    kafka.producer.put("acks", "1");
    assertRefused(volume("a"), "kafka.producer.acks");
  }

  private void assertRefused(VolumeSettings volume, String message) {
    try (Publishers exporter = kafka.exporter(volume);
        VolumePublisher publisher = exporter.volume("a")) {
      assertThatThrownBy(() -> PublishFixture.open(publisher))
          .isInstanceOfSatisfying(
              BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.MISCONFIGURED))
          .hasMessageContaining(message);
    }
  }

  private void make(String topic, int partitions, Map<String, String> settings) throws Exception {
    try (Admin admin = kafka.admin()) {
      NewTopic topics = new NewTopic(topic, partitions, (short) 1).configs(new HashMap<>(settings));
      admin.createTopics(List.of(topics)).all().get();
    }
  }

  private static String setting(Admin admin, String topic, String key) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    Config config =
        requireNonNull(admin.describeConfigs(List.of(resource)).all().get().get(resource));
    return requireNonNull(requireNonNull(config.get(key)).value());
  }
}
