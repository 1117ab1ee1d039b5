package io.blkcast.client;

import static io.blkcast.client.TestExporter.BLOCK;
import static io.blkcast.client.TestExporter.Piece.raw;
import static io.blkcast.client.TestExporter.Piece.zero;
import static io.blkcast.client.TestExporter.Piece.zstd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.TopicNames;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.testkit.EmbeddedBroker;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SequentialReaderIT {

  private static final int CAPACITY = 16 * BLOCK;
  private static EmbeddedBroker broker;
  private static int volumes;

  private Path stageDir;
  private final Random random = new Random(5);
  private TestExporter exporter;
  private MemorySink sink;
  private byte[] model;

  @BeforeAll
  static void startBroker() throws Exception {
    broker = EmbeddedBroker.started();
    try (TestExporter exporter = new TestExporter(broker.bootstrapServers(), "none", 0, 1)) {
      exporter.createTopics();
    }
  }

  @AfterAll
  static void stopBroker() {
    broker.close();
  }

  @BeforeEach
  void newVolume(@TempDir Path dir) {
    stageDir = dir;
    exporter = new TestExporter(broker.bootstrapServers(), "vol" + ++volumes, CAPACITY, 1);
    sink = new MemorySink(CAPACITY);
    model = new byte[CAPACITY];
  }

  @AfterEach
  void closeExporter() {
    exporter.close();
  }

  private void catchUp() throws IncrementException {
    FollowerConfig config =
        FollowerConfig.of(exporter.volume, Map.of("bootstrap.servers", broker.bootstrapServers()));
    try (SequentialReader reader =
        new SequentialReader(
            config, "group-" + exporter.volume, stageDir, sink, FollowerListener.NONE)) {
      reader.run(Follower.Until.CAUGHT_UP);
    }
  }

  private byte[] content(int blocks) {
    byte[] bytes = new byte[blocks * BLOCK];
    random.nextBytes(bytes);
    return bytes;
  }

  private TestExporter.Piece inModel(TestExporter.Piece piece) {
    System.arraycopy(piece.content(), 0, model, (int) piece.offset(), piece.content().length);
    return piece;
  }

  private IncrementCommitted baseline() {
    return exporter.increment(
        IncrementKind.BASELINE,
        inModel(raw(0, content(8))),
        inModel(zstd(8L * BLOCK, new byte[4 * BLOCK])),
        inModel(zero(12L * BLOCK, 4 * BLOCK)));
  }

  private IncrementCommitted delta() {
    return exporter.increment(
        IncrementKind.DELTA, inModel(zero(0, BLOCK)), inModel(raw(9L * BLOCK, content(2))));
  }

  @Test
  void appliesWhatIsCommittedAndGoesOnWhereItLeftOff() throws Exception {
    baseline();
    delta();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
    delta();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
    assertThat(sink.begun).hasSize(3).doesNotHaveDuplicates();
  }

  @Test
  void abortedAndAbandonedIncrementsAreNeverApplied() throws Exception {
    baseline();
    TestExporter.Attempt aborted = exporter.new Attempt(IncrementKind.DELTA);
    aborted.piece(raw(0, content(4)));
    aborted.abort();
    TestExporter.Attempt zombie = exporter.new Attempt(IncrementKind.DELTA);
    TestExporter.Attempt honest = exporter.new Attempt(IncrementKind.DELTA);
    for (int block = 0; block < 8; block++) {
      zombie.piece(raw((long) block * BLOCK, content(1)));
      honest.piece(inModel(raw((long) block * BLOCK, content(1))));
    }
    IncrementCommitted committed = honest.commit();
    zombie.piece(raw(8L * BLOCK, content(1)));
    catchUp();
    assertThat(sink.committed).hasSize(2).endsWith(committed.getIncrementId());
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void incrementThatIsOpenWhenReadingEndsIsReadAgain() throws Exception {
    baseline();
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.DELTA);
    attempt.piece(inModel(raw(0, content(2))));
    catchUp();
    attempt.piece(inModel(raw(4L * BLOCK, content(2))));
    attempt.commit();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void spoiltIncrementIsNeverAppliedAndHealedByABaseline() throws Exception {
    baseline();
    catchUp();
    byte[] before = sink.bytes.clone();
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.DELTA);
    attempt.piece(raw(0, content(1)));
    attempt.piece(
        raw(BLOCK, content(1)),
        chunk -> List.of(DataChunk.newBuilder(chunk).setByteOffset(5L * BLOCK).build()));
    attempt.commit();
    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class,
            e -> assertThat(e.code()).isEqualTo(IncrementException.Code.CORRUPT));
    assertThat(sink.bytes).isEqualTo(before);
    assertThat(sink.begun).hasSize(1);
    baseline();
    delta();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void incrementCutShortByACrashIsAppliedAgain() throws Exception {
    baseline();
    catchUp();
    delta();
    sink.diesAfterWrites = 1;
    assertThatThrownBy(this::catchUp).hasMessageContaining("died");
    assertThat(sink.state().applying()).isPresent();
    catchUp();
    assertThat(sink.state().applying()).isEmpty();
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void stripesAreStagedBeforeTheirStartAndAwaitedAfterTheirManifest() throws Exception {
    TopicNames striped = new TopicNames("striped.");
    try (TestExporter many =
        new TestExporter(broker.bootstrapServers(), "striped", CAPACITY, 3, striped)) {
      many.createTopics();
      FollowerConfig base =
          FollowerConfig.of("striped", Map.of("bootstrap.servers", broker.bootstrapServers()));
      FollowerConfig config =
          new FollowerConfig(
              base.volume(),
              striped,
              base.codec(),
              base.kafka(),
              // A record at a time, so that partitions are far apart.
              Map.of("max.poll.records", 1),
              Map.of(),
              base.from(),
              base.bufferBytes(),
              base.resyncRepeat(),
              "test",
              base.scratch());
      for (int round = 0; round < 6; round++) {
        TestExporter.Attempt killed = many.new Attempt(IncrementKind.DELTA);
        TestExporter.Attempt attempt =
            many.new Attempt(round == 0 ? IncrementKind.BASELINE : IncrementKind.DELTA);
        for (int block = 0; block < 16; block++) {
          attempt.piece(inModel(raw((long) block * BLOCK, content(1))));
          killed.piece(raw((long) block * BLOCK, content(1)));
        }
        attempt.commit();
        if (round % 2 == 0) {
          try (SequentialReader reader =
              new SequentialReader(config, "striped", stageDir, sink, FollowerListener.NONE)) {
            reader.run(Follower.Until.CAUGHT_UP);
          }
          assertThat(sink.bytes).isEqualTo(model);
        }
      }
      assertThat(sink.committed).hasSize(5).doesNotHaveDuplicates();
    }
  }

  @Test
  void stripedIncrementsAreAppliedHoweverFarOnePartitionIsReadAheadOfTheOthers() throws Exception {
    TopicNames topics = new TopicNames("ahead.");
    try (TestExporter many =
        new TestExporter(broker.bootstrapServers(), "ahead", CAPACITY, 3, topics)) {
      many.createTopics();
      // More than one fetch holds, so that the other partitions are read before the home.
      try (TestExporter neighbour =
          new TestExporter(broker.bootstrapServers(), "neighbour", CAPACITY, 3, topics)) {
        for (int i = 0; i < 8; i++) {
          neighbour.sendRaw(topics.chunks(), 0, new byte[512 << 10]);
        }
      }
      for (int round = 0; round < 8; round++) {
        TestExporter.Attempt attempt =
            many.new Attempt(round == 0 ? IncrementKind.BASELINE : IncrementKind.DELTA);
        for (int block = 0; block < 16; block++) {
          attempt.piece(inModel(raw((long) block * BLOCK, content(1))));
        }
        attempt.commit();
      }
      FollowerConfig base =
          FollowerConfig.of("ahead", Map.of("bootstrap.servers", broker.bootstrapServers()));
      FollowerConfig config =
          new FollowerConfig(
              base.volume(),
              topics,
              base.codec(),
              base.kafka(),
              Map.of("max.poll.records", 1),
              Map.of(),
              base.from(),
              base.bufferBytes(),
              base.resyncRepeat(),
              "test",
              base.scratch());
      try (SequentialReader reader =
          new SequentialReader(config, "ahead", stageDir, sink, FollowerListener.NONE)) {
        reader.run(Follower.Until.CAUGHT_UP);
      }
    }
    assertThat(sink.committed).hasSize(8);
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void whatAKilledAndAFencedExporterLeftIsDroppedAtTheNextCommit() throws Exception {
    baseline();
    TestExporter.Attempt killed = exporter.new Attempt(IncrementKind.DELTA);
    killed.piece(raw(0, content(4)));
    TestExporter.Attempt fenced = exporter.new Attempt(IncrementKind.DELTA);
    fenced.piece(raw(0, content(4)));
    try (Producer<byte[], byte[]> older = owner();
        Producer<byte[], byte[]> newer = owner()) {
      older.initTransactions();
      newer.initTransactions();
      TestExporter.Attempt honest = exporter.new Attempt(IncrementKind.DELTA);
      honest.piece(inModel(raw(4L * BLOCK, content(4))));
      fenced.piece(raw(8L * BLOCK, content(4)));
      IncrementCommitted committed = honest.manifest();
      long end = commitBy(newer, committed);
      // The older exporter does not know yet, goes on sending, and finds out when it commits.
      fenced.piece(raw(12L * BLOCK, content(4)));
      assertThatThrownBy(() -> commitBy(older, fenced.manifest()))
          .hasRootCauseInstanceOf(InvalidProducerEpochException.class);

      catchUp();
      assertThat(sink.committed).hasSize(2).endsWith(committed.getIncrementId());
      assertThat(sink.bytes).isEqualTo(model);
      assertThat(nextOffset()).as("what was staged before the commit").isGreaterThan(end);
      TestExporter.Attempt next = exporter.new Attempt(IncrementKind.BASELINE);
      next.piece(inModel(raw(0, content(16))));
      end = commitBy(newer, next.manifest());
      catchUp();
      assertThat(sink.committed).hasSize(3);
      assertThat(sink.bytes).isEqualTo(model);
      assertThat(nextOffset()).as("what came late").isGreaterThan(end);
    }
  }

  /** A producer that owns the volume as an exporter does. */
  private Producer<byte[], byte[]> owner() {
    return new KafkaProducer<>(
        Map.of(
            "bootstrap.servers",
            broker.bootstrapServers(),
            "transactional.id",
            "owner-" + exporter.volume),
        new ByteArraySerializer(),
        new ByteArraySerializer());
  }

  /** Commits to the chunks topic; returns the manifest's offset. */
  private long commitBy(Producer<byte[], byte[]> owner, IncrementCommitted manifest)
      throws Exception {
    String topic = exporter.topics.chunks();
    owner.beginTransaction();
    long offset =
        owner
            .send(
                new ProducerRecord<>(
                    topic,
                    0,
                    exporter.volume.getBytes(StandardCharsets.UTF_8),
                    exporter.codec.encode(topic, manifest)))
            .get()
            .offset();
    owner.commitTransaction();
    return offset;
  }

  /** Where a new reader would begin: never behind a record that is still staged. */
  private long nextOffset() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      return admin
          .listConsumerGroupOffsets("group-" + exporter.volume)
          .partitionsToOffsetAndMetadata()
          .get()
          .get(new TopicPartition(exporter.topics.chunks(), 0))
          .offset();
    }
  }

  @Test
  void leavesNoStagedDataBehind() throws Exception {
    baseline();
    exporter.new Attempt(IncrementKind.DELTA).piece(raw(0, content(4)));
    catchUp();
    try (Stream<Path> left = Files.list(stageDir)) {
      assertThat(left).isEmpty();
    }
  }
}
