package io.blkcast.exporter;

import static io.blkcast.exporter.Scene.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.TopicNames;
import io.blkcast.exporter.increment.VolumeStatus;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.Signal;
import io.blkcast.schema.SignalAction;
import io.blkcast.testkit.EmbeddedBroker;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What records on the signals topic make an exporter do. */
class SignalIT {

  private static final String VOLUME = "signalled";
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  @TempDir Path directory;

  @Test
  void signals_take_increments_order_a_baseline_pause_and_resume() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Exporter exporter = new Scene(directory, broker.bootstrapServers(), VOLUME).start();
      try (KafkaProducer<byte[], byte[]> signals = producer(broker)) {
        await(exporter.ready());
        // None of these may be obeyed, nor stop what follows.
        send(signals, "garbage".getBytes(StandardCharsets.UTF_8));
        send(signals, null);
        send(signals, "nobody", signal(SignalAction.PAUSE, Instant.now()));
        send(signals, null, signal(SignalAction.PAUSE, Instant.now()));
        send(signals, signal(SignalAction.UNKNOWN, Instant.now()));
        send(signals, signal(SignalAction.INCREMENT, Instant.now()));
        awaitIncrements(broker, IncrementKind.BASELINE);
        assertThat(exporter.progress(VOLUME).status()).isEqualTo(VolumeStatus.ACTIVE);

        send(signals, signal(SignalAction.INCREMENT, Instant.now()));
        awaitIncrements(broker, IncrementKind.BASELINE, IncrementKind.DELTA);

        broker.restart();
        send(signals, signal(SignalAction.RESYNC, Instant.now()));
        awaitIncrements(
            broker, IncrementKind.BASELINE, IncrementKind.DELTA, IncrementKind.BASELINE);

        // Its own account of when it was asked for is not what counts.
        send(signals, signal(SignalAction.PAUSE, Instant.now().minusSeconds(3600)));
        await()
            .atMost(PATIENCE)
            .until(() -> exporter.progress(VOLUME).status() == VolumeStatus.PAUSED);
        send(signals, signal(SignalAction.RESUME, Instant.now()));
        await()
            .atMost(PATIENCE)
            .until(() -> exporter.progress(VOLUME).status() == VolumeStatus.ACTIVE);
      } finally {
        await(exporter.close());
      }
    }
  }

  @Test
  void what_is_signalled_while_the_exporter_is_down_is_obeyed_at_its_next_start_and_once()
      throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started();
        KafkaProducer<byte[], byte[]> signals = producer(broker)) {
      Scene scene = new Scene(directory, broker.bootstrapServers(), VOLUME);
      Exporter exporter = scene.start();
      await(exporter.ready());
      send(signals, signal(SignalAction.INCREMENT, Instant.now()));
      awaitIncrements(broker, IncrementKind.BASELINE);
      await(exporter.close());

      send(signals, signal(SignalAction.RESYNC, Instant.EPOCH));
      exporter = scene.start();
      awaitIncrements(broker, IncrementKind.BASELINE, IncrementKind.BASELINE);
      await(exporter.close());

      exporter = scene.start();
      try {
        await(exporter.ready());
        send(signals, signal(SignalAction.INCREMENT, Instant.now()));
        awaitIncrements(
            broker, IncrementKind.BASELINE, IncrementKind.BASELINE, IncrementKind.DELTA);
      } finally {
        await(exporter.close());
      }
    }
  }

  @Test
  void signals_in_a_partition_that_was_added_are_obeyed() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started();
        KafkaProducer<byte[], byte[]> signals = producer(broker)) {
      Scene scene = new Scene(directory, broker.bootstrapServers(), VOLUME);
      Exporter exporter = scene.start();
      await(exporter.ready());
      addPartition(broker, 2);
      send(signals, 1, signal(SignalAction.INCREMENT, Instant.now()));
      awaitIncrements(broker, IncrementKind.BASELINE);
      await(exporter.close());

      addPartition(broker, 3);
      send(signals, 2, signal(SignalAction.RESYNC, Instant.now()));
      exporter = scene.start();
      try {
        awaitIncrements(broker, IncrementKind.BASELINE, IncrementKind.BASELINE);
      } finally {
        await(exporter.close());
      }
    }
  }

  private static void addPartition(EmbeddedBroker broker, int number) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      String topic = TopicNames.defaults().signals();
      admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(number))).all().get();
    }
  }

  private static void send(KafkaProducer<byte[], byte[]> signals, int partition, byte[] value)
      throws Exception {
    String topic = TopicNames.defaults().signals();
    byte[] key = VOLUME.getBytes(StandardCharsets.UTF_8);
    signals.send(new ProducerRecord<>(topic, partition, key, value)).get(60, TimeUnit.SECONDS);
  }

  private static KafkaProducer<byte[], byte[]> producer(EmbeddedBroker broker) {
    return new KafkaProducer<>(
        Map.of("bootstrap.servers", broker.bootstrapServers()),
        new ByteArraySerializer(),
        new ByteArraySerializer());
  }

  private static void awaitIncrements(EmbeddedBroker broker, IncrementKind... kinds) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () ->
                assertThat(Replay.of(broker.bootstrapServers(), VOLUME).committed)
                    .extracting(manifest -> manifest.getKind())
                    .isEqualTo(List.of(kinds)));
  }

  private static byte[] signal(SignalAction action, Instant requestedAt) {
    Signal signal =
        Signal.newBuilder()
            .setVolume(VOLUME)
            .setAction(action)
            .setReason("test")
            .setRequestedBy("SignalIT")
            .setRequestedAt(requestedAt)
            .build();
    return RecordCodec.singleObject().encode(TopicNames.defaults().signals(), signal);
  }

  private static void send(KafkaProducer<byte[], byte[]> signals, byte @Nullable [] value)
      throws Exception {
    send(signals, VOLUME, value);
  }

  private static void send(
      KafkaProducer<byte[], byte[]> signals, @Nullable String name, byte @Nullable [] value)
      throws Exception {
    String topic = TopicNames.defaults().signals();
    byte[] key = name == null ? null : name.getBytes(StandardCharsets.UTF_8);
    signals.send(new ProducerRecord<>(topic, key, value)).get(60, TimeUnit.SECONDS);
  }
}
