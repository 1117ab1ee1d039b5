package io.blkcast.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 2, unit = TimeUnit.MINUTES)
class EmbeddedBrokerIT {

  @Test
  void keepsDataAndTransactionsOverAStopAndAStart(@TempDir Path dir) throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.builder().dataDir(dir.resolve("b")).build()) {
      broker.start();
      String before = broker.bootstrapServers();
      createTopic(broker, "t");
      sendInTransaction(broker, "t", "one");
      broker.stop();
      assertThat(broker.isRunning()).isFalse();
      broker.start();
      assertThat(broker.bootstrapServers()).isEqualTo(before);
      sendInTransaction(broker, "t", "two");
      assertThat(readCommitted(broker, "t", 2)).containsExactly("one", "two");
    }
    assertThat(dir.resolve("b/meta.properties")).exists();
    try (EmbeddedBroker again = EmbeddedBroker.builder().dataDir(dir.resolve("b")).build()) {
      again.start();
      assertThat(readCommitted(again, "t", 2)).containsExactly("one", "two");
    }
  }

  @Test
  void deletesATemporaryDirectoryAtClose() throws Exception {
    EmbeddedBroker broker = EmbeddedBroker.started();
    assertThat(broker.dataDir().resolve("meta.properties")).exists();
    broker.close();
    assertThat(Files.exists(broker.dataDir())).isFalse();
  }

  @Test
  void takesSettingsOverItsOwn() throws Exception {
    try (EmbeddedBroker broker =
        EmbeddedBroker.builder().setting("message.max.bytes", "123456").build()) {
      broker.start();
      try (Admin admin = Admin.create(clientSettings(broker))) {
        ConfigResource node = new ConfigResource(ConfigResource.Type.BROKER, "1");
        Config config =
            requireNonNull(admin.describeConfigs(Set.of(node)).values().get(node)).get();
        ConfigEntry entry = requireNonNull(config.get("message.max.bytes"));
        assertThat(entry.value()).isEqualTo("123456");
      }
    }
  }

  private static Map<String, Object> clientSettings(EmbeddedBroker broker) {
    return Map.of("bootstrap.servers", broker.bootstrapServers());
  }

  private static void createTopic(EmbeddedBroker broker, String topic) throws Exception {
    try (Admin admin = Admin.create(clientSettings(broker))) {
      admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
    }
  }

  private static void sendInTransaction(EmbeddedBroker broker, String topic, String value) {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers(), "transactional.id", "x"),
            new StringSerializer(),
            new StringSerializer())) {
      producer.initTransactions();
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, value));
      producer.commitTransaction();
    }
  }

  private static List<String> readCommitted(EmbeddedBroker broker, String topic, int count) {
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "isolation.level",
                "read_committed",
                "auto.offset.reset",
                "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      List<String> values = new ArrayList<>();
      while (values.size() < count) {
        consumer.poll(Duration.ofMillis(200)).forEach(record -> values.add(record.value()));
      }
      return values;
    }
  }
}
