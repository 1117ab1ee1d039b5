package io.blkcast.exporter.publish;

import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.RecordDeserializer;
import io.blkcast.codec.TopicNames;
import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.exporter.publish.VolumePublisher.Header;
import io.blkcast.kafka.BrokerException;
import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.Consistency;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.PartitionRange;
import io.blkcast.schema.Source;
import io.blkcast.testkit.EmbeddedBroker;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Topics of a prefix of their own on a broker, and what tests do with them. */
final class PublishFixture {

  static final int BLOCK = 65_536;
  private static final AtomicInteger PREFIXES = new AtomicInteger();

  final String bootstrap;
  final TopicNames names = new TopicNames("t" + PREFIXES.incrementAndGet() + ".");
  final Map<String, Object> producer = new HashMap<>();
  final Map<String, Object> others = new HashMap<>();
  int partitions = 1;

  PublishFixture(String bootstrap) {
    this.bootstrap = bootstrap;
  }

  PublishFixture(EmbeddedBroker broker) {
    this(broker.bootstrapServers());
  }

  /** Publishers as an exporter of its own would have them. */
  Publishers exporter(VolumeSettings... volumes) {
    Map<String, Object> common = Map.of("bootstrap.servers", bootstrap);
    Map<String, Object> otherSettings = new HashMap<>(common);
    otherSettings.putAll(others);
    Map<String, Object> producerSettings = new HashMap<>(common);
    producerSettings.putAll(producer);
    return new Publishers(
        new PublishSettings(
            producerSettings,
            otherSettings,
            otherSettings,
            names,
            partitions,
            OptionalInt.empty(),
            Optional.empty()),
        List.of(volumes),
        Clock.systemUTC(),
        new SimpleMeterRegistry());
  }

  /** Opens a volume as an exporter that remembers nothing. */
  static Optional<Checkpoint> open(VolumePublisher publisher) throws BrokerException {
    return publisher.open(VolumePublisher.Known.NOTHING).checkpoint();
  }

  static VolumeSettings volume(String name) {
    return new VolumeSettings(name, 4 * BLOCK, false, 1);
  }

  /** A header for as many extents of one block each, at every other block. */
  static Header header(Optional<Checkpoint> parent, int extents) {
    return new Header(
        UUID.randomUUID(),
        parent.isPresent() ? IncrementKind.DELTA : IncrementKind.BASELINE,
        parent,
        Optional.empty(),
        UUID.randomUUID(),
        Consistency.CRASH,
        1L << 30,
        BLOCK,
        (long) extents * BLOCK,
        extents,
        Instant.now(),
        Source.newBuilder()
            .setType("disk")
            .setHost("test")
            .setBootId("")
            .setTrackingId(UUID.randomUUID())
            .setGeneration(UUID.randomUUID())
            .setBaseChangesNumber(0)
            .setChangesNumber(1)
            .build());
  }

  /** Sends what {@link #header} announces: random content, every fourth chunk zero. */
  static void send(Attempt attempt, int extents, long seed) {
    Random random = new Random(seed);
    List<BlockMetadata> batch = new ArrayList<>();
    for (int i = 0; i < extents; i++) {
      batch.add(new BlockMetadata(2L * i * BLOCK, (long) BLOCK));
    }
    if (extents > 0) {
      attempt.extents(batch);
    }
    byte[] content = new byte[BLOCK];
    for (int i = 0; i < extents; i++) {
      if (i % 4 == 3) {
        Arrays.fill(content, (byte) 0);
      } else {
        random.nextBytes(content);
      }
      attempt.chunk(2L * i * BLOCK, ByteBuffer.wrap(content));
    }
  }

  /** All records of a topic that a reader of that isolation sees by now. */
  List<ConsumerRecord<String, SpecificRecordBase>> read(String topic, boolean committed) {
    try (KafkaConsumer<String, SpecificRecordBase> consumer = consumer(committed)) {
      List<TopicPartition> all =
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .toList();
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      consumer.assign(all);
      consumer.seekToBeginning(all);
      List<ConsumerRecord<String, SpecificRecordBase>> records = new ArrayList<>();
      while (ends.entrySet().stream()
          .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        consumer.poll(Duration.ofMillis(100)).forEach(records::add);
      }
      return records;
    }
  }

  <T> List<T> read(String topic, boolean committed, Class<T> type) {
    return read(topic, committed).stream()
        .map(ConsumerRecord::value)
        .filter(type::isInstance)
        .map(type::cast)
        .toList();
  }

  /** The records within a range, of whatever increment. */
  List<ConsumerRecord<String, SpecificRecordBase>> read(String topic, PartitionRange range) {
    try (KafkaConsumer<String, SpecificRecordBase> consumer = consumer(false)) {
      TopicPartition partition = new TopicPartition(topic, range.getPartition());
      consumer.assign(List.of(partition));
      consumer.seek(partition, range.getFirstOffset());
      List<ConsumerRecord<String, SpecificRecordBase>> records = new ArrayList<>();
      while (consumer.position(partition) < range.getEndOffset()) {
        for (ConsumerRecord<String, SpecificRecordBase> record :
            consumer.poll(Duration.ofMillis(100))) {
          if (record.offset() < range.getEndOffset()) {
            records.add(record);
          }
        }
      }
      return records;
    }
  }

  Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", bootstrap));
  }

  private KafkaConsumer<String, SpecificRecordBase> consumer(boolean committed) {
    return new KafkaConsumer<>(
        Map.of(
            "bootstrap.servers",
            bootstrap,
            "isolation.level",
            committed ? "read_committed" : "read_uncommitted",
            "auto.offset.reset",
            "none"),
        new StringDeserializer(),
        new RecordDeserializer(RecordCodec.singleObject()));
  }
}
