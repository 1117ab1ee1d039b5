package io.blkcast.exporter.publish;

import static io.blkcast.exporter.publish.PublishFixture.BLOCK;
import static io.blkcast.exporter.publish.PublishFixture.header;
import static io.blkcast.exporter.publish.PublishFixture.send;
import static io.blkcast.exporter.publish.PublishFixture.volume;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.blkcast.codec.ChunkContent;
import io.blkcast.codec.ContentDigest;
import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.publish.VolumePublisher.Header;
import io.blkcast.kafka.BrokerException;
import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.ChangedExtents;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementStarted;
import io.blkcast.schema.PartitionRange;
import io.blkcast.schema.Severity;
import io.blkcast.schema.VolumeEvent;
import io.blkcast.schema.VolumeEventType;
import io.blkcast.testkit.EmbeddedBroker;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 2, unit = TimeUnit.MINUTES)
class PublishIT {

  private static EmbeddedBroker broker;

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.started();
  }

  @AfterAll
  static void stop() {
    broker.close();
  }

  @Test
  void anIncrementIsSeenWholeOnceCommittedAndNotBefore() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      assertThat(PublishFixture.open(publisher)).isEmpty();
      Header header = header(Optional.empty(), 8);
      Attempt attempt = publisher.begin(header);
      send(attempt, 8, 1);
      assertThat(kafka.read(kafka.names.increments(), true)).isEmpty();
      Committed committed = attempt.commit(link -> {});

      IncrementCommitted manifest = committed.manifest();
      assertThat(kafka.read(kafka.names.increments(), true))
          .extracting(ConsumerRecord::key, ConsumerRecord::value)
          .containsExactly(tuple("a", manifest));
      List<ConsumerRecord<String, SpecificRecordBase>> chunks =
          kafka.read(kafka.names.chunks(), true);
      assertThat(chunks.get(0).value()).isInstanceOf(IncrementStarted.class);
      assertThat(chunks.subList(1, 9)).allMatch(record -> record.value() instanceof DataChunk);
      assertThat(chunks.get(9).value()).isEqualTo(manifest);
      assertThat(chunks).hasSize(10);
      assertThat(kafka.read(kafka.names.checkpoints(), true, Checkpoint.class))
          .containsExactly(committed.checkpoint());

      assertThat(manifest.getChangedBytes()).isEqualTo(8L * BLOCK);
      assertThat(manifest.getZeroBytes()).isEqualTo(2L * BLOCK);
      assertThat(manifest.getPayloadBytes()).isEqualTo(6L * BLOCK);
      assertThat(manifest.getChunkCount()).isEqualTo(8);
      assertThat(manifest.getChainLength()).isEqualTo(1);
      assertThat(manifest.getParentIncrementId()).isNull();
    }
  }

  @Test
  void aDeltaFollowsOnItsParentAndAnEmptyOneHasNoRanges() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Checkpoint parent = commit(publisher, Optional.empty(), 2).checkpoint();
      IncrementCommitted manifest = commit(publisher, Optional.of(parent), 0).manifest();
      assertThat(manifest.getChainLength()).isEqualTo(2);
      assertThat(manifest.getParentIncrementId()).isEqualTo(parent.getIncrementId());
      assertThat(manifest.getBaseSnapshotId()).isEqualTo(parent.getSnapshotId());
      assertThat(manifest.getChunkRanges()).isEmpty();
      assertThat(manifest.getExtentRanges()).isEmpty();
      assertThat(manifest.getContentDigest())
          .isEqualTo(ByteBuffer.wrap(new ContentDigest().finish()));
    }
  }

  @Test
  void anAbortedIncrementIsNeverCommittedAndSaysSo() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers exporter = kafka.exporter(volume("a"))) {
      Header header = header(Optional.empty(), 4);
      try (VolumePublisher publisher = exporter.volume("a")) {
        PublishFixture.open(publisher);
        Attempt attempt = publisher.begin(header);
        send(attempt, 4, 1);
        attempt.abort("snapshot-corrupted", "no space");
        attempt.abort("again", "counts for nothing");
        assertThatThrownBy(() -> attempt.commit(link -> {}))
            .isInstanceOf(IllegalStateException.class);
      }
      exporter.close();
      assertThat(kafka.read(kafka.names.increments(), true, IncrementCommitted.class)).isEmpty();
      assertThat(kafka.read(kafka.names.increments(), true, IncrementAborted.class))
          .singleElement()
          .satisfies(
              aborted -> {
                assertThat(aborted.getIncrementId()).isEqualTo(header.incrementId());
                assertThat(aborted.getReason()).isEqualTo("snapshot-corrupted");
              });
      assertThat(kafka.read(kafka.names.chunks(), true, IncrementAborted.class)).hasSize(1);
    }
    try (Publishers next = kafka.exporter(volume("a"));
        VolumePublisher publisher = next.volume("a")) {
      assertThat(PublishFixture.open(publisher)).isEmpty();
    }
  }

  @Test
  void closingEndsAnAttemptUnderWay() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers exporter = kafka.exporter(volume("a"))) {
      VolumePublisher publisher = exporter.volume("a");
      PublishFixture.open(publisher);
      send(publisher.begin(header(Optional.empty(), 4)), 4, 1);
      publisher.close();
    }
    assertThat(kafka.read(kafka.names.increments(), true, IncrementAborted.class)).hasSize(1);
  }

  @Test
  void anIncrementWithAHoleIsNotCommitted() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Attempt attempt = publisher.begin(header(Optional.empty(), 4));
      send(attempt, 3, 1);
      assertThatThrownBy(() -> attempt.commit(link -> {}))
          .isInstanceOfSatisfying(
              BrokerException.class,
              e -> assertThat(e.code()).isEqualTo(BrokerException.Code.FATAL))
          .hasMessageContaining("announced 4 extents");
      attempt.abort("fault", "hole");
      commit(publisher, Optional.empty(), 1);
      assertThat(kafka.read(kafka.names.increments(), true, IncrementCommitted.class)).hasSize(1);
    }
  }

  @Test
  void theOlderOfTwoExportersIsShutOutBeforeItCanCommit() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers older = kafka.exporter(volume("a"));
        VolumePublisher first = older.volume("a");
        Publishers newer = kafka.exporter(volume("a"));
        VolumePublisher second = newer.volume("a")) {
      PublishFixture.open(first);
      Checkpoint base = commit(first, Optional.empty(), 2).checkpoint();
      Attempt zombie = first.begin(header(Optional.of(base), 4));
      send(zombie, 2, 7);

      assertThat(PublishFixture.open(second)).contains(base);
      Attempt attempt = second.begin(header(Optional.of(base), 4));
      // The zombie goes on sending into the same partition, in between the other's records.
      zombie.extents(List.of(block(4), block(6)));
      for (int i = 0; i < 4; i++) {
        attempt.extents(List.of(block(2 * i)));
        attempt.chunk(2L * i * BLOCK, filled(i + 1));
        if (i >= 2) {
          zombie.chunk(2L * i * BLOCK, filled(77));
        }
      }
      assertFenced(() -> zombie.commit(link -> {}));
      IncrementCommitted manifest = attempt.commit(link -> {}).manifest();

      assertThat(kafka.read(kafka.names.increments(), true, IncrementCommitted.class))
          .extracting(IncrementCommitted::getIncrementId)
          .containsExactly(base.getIncrementId(), manifest.getIncrementId());
      assertThat(chunksOf(kafka, manifest))
          .extracting(chunk -> chunk.getPayload().get(0))
          .containsExactly((byte) 1, (byte) 2, (byte) 3, (byte) 4);

      // Opening again shuts nobody out.
      assertFenced(() -> PublishFixture.open(first));
      commit(second, PublishFixture.open(second), 1);
    }
  }

  @Test
  void anExporterThatWasKilledIsFollowedByOneThatResumes() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    Checkpoint last;
    Publishers killed = kafka.exporter(volume("a"), volume("b"));
    VolumePublisher publisher = killed.volume("a");
    PublishFixture.open(publisher);
    Checkpoint base = commit(publisher, Optional.empty(), 2).checkpoint();
    last = commit(publisher, Optional.of(base), 1).checkpoint();
    send(publisher.begin(header(Optional.of(last), 4)), 2, 5);
    VolumePublisher other = killed.volume("b");
    PublishFixture.open(other);
    commit(other, Optional.empty(), 1);
    try (Publishers next = kafka.exporter(volume("a"));
        VolumePublisher resumed = next.volume("a")) {
      assertThat(PublishFixture.open(resumed)).contains(last);
      assertThat(commit(resumed, Optional.of(last), 3).manifest().getChainLength()).isEqualTo(3);
    } finally {
      killed.close();
    }
  }

  @Test
  void theRangesNamedHoldExactlyTheIncrementAmongOthers() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers exporter = kafka.exporter(volume("a"), volume("b"));
        VolumePublisher a = exporter.volume("a");
        VolumePublisher b = exporter.volume("b")) {
      PublishFixture.open(a);
      PublishFixture.open(b);
      Attempt one = a.begin(header(Optional.empty(), 20));
      Attempt two = b.begin(header(Optional.empty(), 20));
      for (int i = 0; i < 20; i++) {
        one.extents(List.of(block(2 * i)));
        two.extents(List.of(block(2 * i)));
        one.chunk(2L * i * BLOCK, filled(i + 1));
        two.chunk(2L * i * BLOCK, filled(i + 101));
      }
      for (IncrementCommitted manifest :
          List.of(one.commit(link -> {}).manifest(), two.commit(link -> {}).manifest())) {
        assertThat(manifest.getExtentRanges()).hasSize(1);
        assertThat(manifest.getExtentRanges().get(0).getRecordCount()).isEqualTo(20);
        long batches =
            kafka.read(kafka.names.extents(), manifest.getExtentRanges().get(0)).stream()
                .map(ConsumerRecord::value)
                .filter(ChangedExtents.class::isInstance)
                .map(ChangedExtents.class::cast)
                .filter(batch -> batch.getIncrementId().equals(manifest.getIncrementId()))
                .count();
        assertThat(batches).isEqualTo(20);
        assertDigestMatches(chunksOf(kafka, manifest), manifest);
      }
    }
  }

  @Test
  void aStripedVolumeIsSpreadOverItsPartitions() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    kafka.partitions = 5;
    VolumeSettings striped = new VolumeSettings("a", BLOCK, false, 3);
    try (Publishers exporter = kafka.exporter(striped);
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      IncrementCommitted manifest = commit(publisher, Optional.empty(), 10).manifest();
      assertThat(manifest.getChunkRanges())
          .extracting(PartitionRange::getRecordCount)
          .containsExactlyInAnyOrder(4L, 3L, 3L);
      assertDigestMatches(chunksOf(kafka, manifest), manifest);
    }
  }

  @Test
  void payloadsAreCompressedWhereThatMakesThemSmaller() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    VolumeSettings settings = new VolumeSettings("a", BLOCK, true, 1);
    try (Publishers exporter = kafka.exporter(settings);
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Attempt attempt = publisher.begin(header(Optional.empty(), 3));
      byte[] random = new byte[BLOCK];
      new Random(3).nextBytes(random);
      byte[] text =
          "what compresses well "
              .repeat(BLOCK)
              .substring(0, BLOCK)
              .getBytes(StandardCharsets.US_ASCII);
      attempt.extents(List.of(block(0), block(2), block(4)));
      int raw = attempt.chunk(0, ByteBuffer.wrap(random)).toCompletableFuture().get();
      int small = attempt.chunk(2L * BLOCK, ByteBuffer.wrap(text)).toCompletableFuture().get();
      ByteBuffer direct = ByteBuffer.allocateDirect(BLOCK).put(text).flip();
      int again = attempt.chunk(4L * BLOCK, direct).toCompletableFuture().get();
      IncrementCommitted manifest = attempt.commit(link -> {}).manifest();

      assertThat(raw).isEqualTo(BLOCK);
      assertThat(small).isEqualTo(again).isLessThan(BLOCK / 10);
      assertThat(manifest.getPayloadBytes()).isEqualTo(raw + small + again);
      List<DataChunk> chunks = chunksOf(kafka, manifest);
      assertThat(chunks)
          .extracting(DataChunk::getEncoding)
          .containsExactly(ChunkEncoding.RAW, ChunkEncoding.ZSTD, ChunkEncoding.ZSTD);
      assertDigestMatches(chunks, manifest);
    }
  }

  @Test
  void aLongRangeOfZeroesIsOneRecord() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Attempt attempt = publisher.begin(header(Optional.empty(), 16_384));
      List<BlockMetadata> extents = new ArrayList<>();
      for (int i = 0; i < 16_384; i++) {
        extents.add(block(i));
      }
      attempt.extents(extents);
      attempt.zero(0, 1L << 30);
      IncrementCommitted manifest = attempt.commit(link -> {}).manifest();
      assertThat(manifest.getZeroBytes()).isEqualTo(1L << 30);
      assertThat(chunksOf(kafka, manifest)).singleElement().matches(ChunkContent::isZero);
      assertDigestMatches(chunksOf(kafka, manifest), manifest);
    }
  }

  @Test
  void eventsOfAVolumeArePublished() throws Exception {
    PublishFixture kafka = new PublishFixture(broker);
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      VolumeEvent event =
          VolumeEvent.newBuilder()
              .setVolume("a")
              .setType(VolumeEventType.NO_SPACE)
              .setSeverity(Severity.ERROR)
              .setMessage("give it more")
              .setAttributes(Map.of("requested_bytes", "4096"))
              .setOccurredAt(Instant.now().truncatedTo(ChronoUnit.MICROS))
              .build();
      publisher.event(event).toCompletableFuture().get(30, TimeUnit.SECONDS);
      assertThat(kafka.read(kafka.names.events(), true))
          .extracting(ConsumerRecord::key, ConsumerRecord::value)
          .containsExactly(tuple("a", event));
    }
  }

  private static Committed commit(
      VolumePublisher publisher, Optional<Checkpoint> parent, int extents) throws Exception {
    Attempt attempt = publisher.begin(header(parent, extents));
    send(attempt, extents, extents);
    return attempt.commit(link -> {});
  }

  private static BlockMetadata block(long index) {
    return new BlockMetadata(index * BLOCK, (long) BLOCK);
  }

  private static ByteBuffer filled(int value) {
    byte[] content = new byte[BLOCK];
    Arrays.fill(content, (byte) value);
    return ByteBuffer.wrap(content);
  }

  /** What a client gets that reads nothing but the ranges named, in order of offset. */
  private static List<DataChunk> chunksOf(PublishFixture kafka, IncrementCommitted manifest) {
    List<DataChunk> chunks = new ArrayList<>();
    for (PartitionRange range : manifest.getChunkRanges()) {
      List<DataChunk> found =
          kafka.read(kafka.names.chunks(), range).stream()
              .map(ConsumerRecord::value)
              .filter(DataChunk.class::isInstance)
              .map(DataChunk.class::cast)
              .filter(chunk -> chunk.getIncrementId().equals(manifest.getIncrementId()))
              .toList();
      assertThat(found).hasSize((int) range.getRecordCount());
      assertThat(found.get(0)).isNotNull();
      chunks.addAll(found);
    }
    assertThat(chunks).hasSize((int) manifest.getChunkCount());
    chunks.sort(Comparator.comparing(DataChunk::getByteOffset));
    return chunks;
  }

  private static void assertDigestMatches(List<DataChunk> chunks, IncrementCommitted manifest) {
    ContentDigest digest = new ContentDigest();
    try (ChunkContent content = new ChunkContent(BLOCK)) {
      for (DataChunk chunk : chunks) {
        if (ChunkContent.isZero(chunk)) {
          digest.zero(chunk.getByteOffset(), chunk.getSizeBytes());
        } else {
          digest.data(chunk.getByteOffset(), content.of(chunk));
        }
      }
    }
    assertThat(ByteBuffer.wrap(digest.finish())).isEqualTo(manifest.getContentDigest());
  }

  private static void assertFenced(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            BrokerException.class,
            e -> assertThat(e.code()).isEqualTo(BrokerException.Code.FENCED));
  }
}
