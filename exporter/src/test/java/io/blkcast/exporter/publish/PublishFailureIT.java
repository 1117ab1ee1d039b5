package io.blkcast.exporter.publish;

import static io.blkcast.exporter.publish.PublishFixture.BLOCK;
import static io.blkcast.exporter.publish.PublishFixture.header;
import static io.blkcast.exporter.publish.PublishFixture.send;
import static io.blkcast.exporter.publish.PublishFixture.volume;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.testkit.EmbeddedBroker;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is left when the broker fails in the middle, and that opening again settles it. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class PublishFailureIT {

  private KafkaProxy proxy;
  private EmbeddedBroker broker;
  private PublishFixture kafka;

  @BeforeEach
  void start() throws Exception {
    proxy = new KafkaProxy();
    broker =
        EmbeddedBroker.builder()
            .setting("advertised.listeners", "BROKER://127.0.0.1:" + proxy.port())
            .setting("transaction.abort.timed.out.transaction.cleanup.interval.ms", "200")
            .build();
    proxy.to(Integer.parseInt(broker.bootstrapServers().split(":")[1]));
    broker.start();
    kafka = new PublishFixture("127.0.0.1:" + proxy.port());
    kafka.producer.put("max.block.ms", "4000");
    kafka.producer.put("request.timeout.ms", "1000");
    kafka.producer.put("delivery.timeout.ms", "3000");
    kafka.producer.put("transaction.timeout.ms", "2000");
    kafka.others.put("default.api.timeout.ms", "4000");
    kafka.others.put("request.timeout.ms", "1000");
  }

  @AfterEach
  void stop() throws Exception {
    broker.close();
    proxy.close();
  }

  @Test
  void aBrokerThatStopsInTheMiddleLeavesNothingCommittedAndIsRetriable() throws Exception {
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Checkpoint base = commit(publisher, Optional.empty());
      Attempt attempt = publisher.begin(header(Optional.of(base), 8));
      send(attempt, 4, 1);
      broker.stop();
      CompletionStage<Integer> lost = attempt.chunk(20L * BLOCK, content());
      assertThatThrownBy(() -> lost.toCompletableFuture().get(60, TimeUnit.SECONDS))
          .isInstanceOf(ExecutionException.class)
          .cause()
          .isInstanceOfSatisfying(
              BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.RETRIABLE));
      assertFails(Code.RETRIABLE, () -> attempt.commit(link -> {}));
      attempt.abort("kafka", "broker stopped");
      assertFails(Code.RETRIABLE, () -> PublishFixture.open(publisher));

      broker.start();
      assertThat(PublishFixture.open(publisher)).contains(base);
      Checkpoint next = commit(publisher, Optional.of(base));
      assertThat(kafka.read(kafka.names.increments(), true, IncrementCommitted.class))
          .extracting(IncrementCommitted::getIncrementId)
          .containsExactly(base.getIncrementId(), next.getIncrementId());
    }
  }

  @Test
  void aBrokerThatStopsBeforeTheCommitLeavesNothingCommitted() throws Exception {
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Attempt attempt = publisher.begin(header(Optional.empty(), 4));
      send(attempt, 3, 1);
      attempt.extents(List.of(new BlockMetadata(1L << 20, (long) BLOCK)));
      attempt.zero(1L << 20, BLOCK).toCompletableFuture().get();
      broker.stop();
      assertFails(Code.RETRIABLE, () -> attempt.commit(link -> {}));
      broker.start();
      assertThat(PublishFixture.open(publisher)).isEmpty();
      assertThat(kafka.read(kafka.names.increments(), true, IncrementCommitted.class)).isEmpty();
    }
  }

  @Test
  void aRestartOfTheBrokerInTheMiddleIsBridged() throws Exception {
    kafka.producer.put("delivery.timeout.ms", "60000");
    kafka.producer.put("max.block.ms", "60000");
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Attempt attempt = publisher.begin(header(Optional.empty(), 8));
      send(attempt, 8, 1);
      broker.restart();
      IncrementCommitted manifest = attempt.commit(link -> {}).manifest();
      assertThat(manifest.getChunkRanges().get(0).getRecordCount()).isEqualTo(8);
      assertThat(kafka.read(kafka.names.increments(), true, IncrementCommitted.class))
          .containsExactly(manifest);
    }
  }

  @Test
  void aCommitWhoseAnswerIsLostIsFoundWhenOpenedAgain() throws Exception {
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Attempt attempt = publisher.begin(header(Optional.empty(), 4));
      send(attempt, 4, 1);
      proxy.onEndTxn(KafkaProxy.EndTxn.LOSE_ANSWER);
      assertFails(Code.RETRIABLE, () -> attempt.commit(link -> {}));
      attempt.abort("kafka", "must not say aborted of what may be committed");
      proxy.onEndTxn(KafkaProxy.EndTxn.PASS);

      assertThat(PublishFixture.open(publisher)).isPresent();
      assertThat(kafka.read(kafka.names.increments(), true))
          .singleElement()
          .extracting(record -> record.value())
          .isInstanceOf(IncrementCommitted.class);
    }
  }

  @Test
  void aTransactionThatTimesOutIsNotTakenForAnotherExporter() throws Exception {
    kafka.producer.put("max.block.ms", "60000");
    CompletableFuture<Void> later = new CompletableFuture<>();
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Checkpoint base = commit(publisher, Optional.empty());
      Attempt attempt = publisher.begin(header(Optional.of(base), 4));
      send(attempt, 4, 1);
      proxy.onEndTxn(KafkaProxy.EndTxn.LOSE_REQUEST);
      // The transaction times out after 2 s; from then on its end is fenced off.
      later.completeOnTimeout(null, 5, TimeUnit.SECONDS);
      later.thenRun(() -> proxy.onEndTxn(KafkaProxy.EndTxn.PASS));
      assertThatThrownBy(() -> attempt.commit(link -> {}))
          .isInstanceOfSatisfying(
              BrokerException.class,
              e -> assertThat(e.code()).as("%s", e.getCause()).isEqualTo(Code.RETRIABLE))
          .hasMessageContaining("timed out or another exporter");
      attempt.abort("kafka", "timed out");
      assertThat(PublishFixture.open(publisher)).contains(base);
      commit(publisher, Optional.of(base));
      assertThat(kafka.read(kafka.names.increments(), true, IncrementCommitted.class)).hasSize(2);
    }
  }

  @Test
  void aHungTransactionOfAnotherVolumeHidesNoCheckpoint() throws Exception {
    kafka.producer.put("transaction.timeout.ms", "8000");
    try (Publishers one = kafka.exporter(volume("hangs"));
        VolumePublisher hangs = one.volume("hangs");
        Publishers two = kafka.exporter(volume("a"));
        VolumePublisher publisher = two.volume("a")) {
      PublishFixture.open(hangs);
      PublishFixture.open(publisher);
      Attempt attempt = hangs.begin(header(Optional.empty(), 1));
      send(attempt, 1, 1);
      proxy.onEndTxn(KafkaProxy.EndTxn.LOSE_REQUEST);
      assertFails(Code.RETRIABLE, () -> attempt.commit(link -> {}));
      proxy.onEndTxn(KafkaProxy.EndTxn.PASS);
      Checkpoint behind = commit(publisher, Optional.empty());
      assertThat(kafka.read(kafka.names.checkpoints(), true, Checkpoint.class))
          .as("the hung transaction hides it from a plain reader")
          .isEmpty();
      try (Publishers three = kafka.exporter(volume("a"));
          VolumePublisher next = three.volume("a")) {
        assertThat(PublishFixture.open(next)).contains(behind);
      }
    }
  }

  @Test
  void openingWithoutABrokerIsRetriable() throws Exception {
    broker.stop();
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      assertFails(Code.RETRIABLE, () -> PublishFixture.open(publisher));
      broker.start();
      assertThat(PublishFixture.open(publisher)).isEmpty();
      try (BrokerWatch watch = exporter.watch()) {
        watch.check(seen -> assertThat(seen.clock()).isEmpty());
      }
    }
  }

  private static Checkpoint commit(VolumePublisher publisher, Optional<Checkpoint> parent)
      throws Exception {
    Attempt attempt = publisher.begin(header(parent, 2));
    send(attempt, 2, 9);
    return attempt.commit(link -> {}).checkpoint();
  }

  private static ByteBuffer content() {
    return ByteBuffer.wrap(new byte[] {1, 2, 3});
  }

  private static void assertFails(Code code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            BrokerException.class, e -> assertThat(e.code()).as(e.toString()).isEqualTo(code));
  }
}
