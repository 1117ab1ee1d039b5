package io.blkcast.exporter;

import static io.blkcast.exporter.Scene.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.codec.Digests;
import io.blkcast.codec.RecordCodec;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.Severity;
import io.blkcast.schema.Source;
import io.blkcast.schema.VolumeEvent;
import io.blkcast.schema.VolumeEventType;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An exporter builds on what it committed itself, and on nothing else that it finds on Kafka. */
class ContinuityIT {

  private static final RecordCodec CODEC = RecordCodec.singleObject();

  private EmbeddedBroker broker;
  private Scene scene;

  @TempDir Path directory;

  @BeforeEach
  void start() throws Exception {
    broker = EmbeddedBroker.started();
    scene = new Scene(directory, broker.bootstrapServers(), "v");
  }

  @AfterEach
  void stop() {
    broker.close();
  }

  private void put(String topic, byte[] value) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      producer.send(new ProducerRecord<>(topic, "v".getBytes(StandardCharsets.UTF_8), value)).get();
    }
  }

  private void put(String topic, SpecificRecordBase record) throws Exception {
    put(topic, CODEC.encode(topic, record));
  }

  /** An empty DELTA that fits the last increment in everything a consumer can check. */
  private static IncrementCommitted forged(Committed last) {
    ByteBuffer digest = last.manifest().getChainDigest().duplicate();
    byte[] parent = new byte[digest.remaining()];
    digest.get(parent);
    IncrementCommitted open =
        IncrementCommitted.newBuilder(last.manifest())
            .setIncrementId(UUID.randomUUID())
            .setKind(IncrementKind.DELTA)
            .setParentIncrementId(last.manifest().getIncrementId())
            .setChainLength(last.manifest().getChainLength() + 1)
            .setSource(
                Source.newBuilder(last.manifest().getSource())
                    .setEpoch(last.manifest().getSource().getEpoch() + 1)
                    .setChangesNumber(last.manifest().getSource().getChangesNumber() + 1)
                    .build())
            .setChainDigest(ByteBuffer.allocate(0))
            .build();
    return IncrementCommitted.newBuilder(open)
        .setChainDigest(ByteBuffer.wrap(Digests.chain(parent, open)))
        .build();
  }

  private static Checkpoint checkpoint(IncrementCommitted manifest) {
    return Checkpoint.newBuilder()
        .setVolume(manifest.getVolume())
        .setIncrementId(manifest.getIncrementId())
        .setSnapshotId(manifest.getTargetSnapshotId())
        .setChainLength(manifest.getChainLength())
        .setChainDigest(manifest.getChainDigest())
        .setVolumeCapacityBytes(manifest.getVolumeCapacityBytes())
        .setBlockSizeBytes(manifest.getBlockSizeBytes())
        .setCommittedAt(manifest.getCommittedAt())
        .setSource(manifest.getSource())
        .build();
  }

  private List<VolumeEvent> needed() {
    List<VolumeEvent> events = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      TopicPartition partition = new TopicPartition("blkcast.events", 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        consumer
            .poll(Duration.ofMillis(100))
            .forEach(
                record -> {
                  VolumeEvent event = (VolumeEvent) CODEC.decode(ByteBuffer.wrap(record.value()));
                  if (event.getType() == VolumeEventType.RESYNC_NEEDED) {
                    events.add(event);
                  }
                });
      }
    }
    return events;
  }

  private void assertBaseline(Committed committed) throws Exception {
    assertThat(committed.manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
    assertThat(Replay.of(broker.bootstrapServers(), "v").content).isEqualTo(scene.content());
  }

  @Test
  @NeedsTool("qemu-io")
  void a_forged_link_while_the_exporter_runs_leads_to_a_baseline_and_an_error() throws Exception {
    Exporter exporter = scene.start();
    try {
      scene.write("write -P 0x11 0 1M");
      Committed first = await(exporter.increment("v"));
      IncrementCommitted forged = forged(first);
      put("blkcast.increments", forged);
      put("blkcast.checkpoints", checkpoint(forged));
      scene.write("write -P 0x22 2M 1M");
      assertBaseline(await(exporter.increment("v")));
      assertThat(needed())
          .first()
          .satisfies(
              event -> {
                assertThat(event.getSeverity()).isEqualTo(Severity.ERROR);
                assertThat(event.getMessage()).containsPattern("offset \\d+ of blkcast\\.");
              });
      assertThat(await(exporter.increment("v")).manifest().getKind())
          .isEqualTo(IncrementKind.DELTA);
    } finally {
      await(exporter.close());
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void a_forged_link_while_no_exporter_runs_leads_to_a_baseline_and_an_error() throws Exception {
    Exporter exporter = scene.start();
    scene.write("write -P 0x11 0 1M");
    IncrementCommitted forged = forged(await(exporter.increment("v")));
    await(exporter.close());
    put("blkcast.increments", forged);
    put("blkcast.checkpoints", checkpoint(forged));
    exporter = scene.start();
    try {
      await(exporter.ready());
      assertThat(exporter.progress("v").lastError()).isPresent();
      await(exporter.close());
      // The doubt outlives a restart without an increment.
      exporter = scene.start();
      scene.write("write -P 0x22 2M 1M");
      assertBaseline(await(exporter.increment("v")));
      assertThat(needed())
          .first()
          .satisfies(
              event ->
                  assertThat(event.getMessage())
                      .contains("is not the one that this exporter committed last"));
    } finally {
      await(exporter.close());
    }
  }

  @Test
  void a_garbage_checkpoint_leads_to_a_baseline_and_a_resync_works() throws Exception {
    Exporter exporter = scene.start();
    await(exporter.increment("v"));
    await(exporter.close());
    put("blkcast.checkpoints", new byte[] {0, 0, 0, 0, 0, 1, 2, 3});
    exporter = scene.start();
    try {
      assertBaseline(await(exporter.resync("v")));
      assertThat(await(exporter.increment("v")).manifest().getKind())
          .isEqualTo(IncrementKind.DELTA);
    } finally {
      await(exporter.close());
    }
  }

  @Test
  void a_record_of_commits_that_is_damaged_or_missing_leads_to_a_baseline() throws Exception {
    Exporter exporter = scene.start();
    await(exporter.increment("v"));
    await(exporter.close());
    Path history = directory.resolve("state/v.history");
    Files.writeString(history, "rubbish");
    exporter = scene.start();
    assertBaseline(await(exporter.increment("v")));
    await(exporter.close());
    Files.delete(history);
    exporter = scene.start();
    try {
      assertBaseline(await(exporter.increment("v")));
      assertThat(needed())
          .extracting(VolumeEvent::getMessage)
          .anyMatch(message -> message.contains("v.history"))
          .anyMatch(message -> message.contains("the state directory has no record"));
    } finally {
      await(exporter.close());
    }
  }
}
