package io.blkcast.client;

import static io.blkcast.client.TestExporter.BLOCK;
import static io.blkcast.client.TestExporter.Piece.raw;
import static io.blkcast.client.TestExporter.Piece.zero;
import static io.blkcast.client.TestExporter.Piece.zstd;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.client.IncrementException.Code;
import io.blkcast.codec.TopicNames;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.PartitionRange;
import io.blkcast.schema.Signal;
import io.blkcast.schema.SignalAction;
import io.blkcast.testkit.EmbeddedBroker;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteBufferDeserializer;
import org.apache.kafka.common.utils.Utils;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class FollowerIT {

  private static final int CAPACITY = 64 * BLOCK;
  private static final int STRIPES = 3;
  private static EmbeddedBroker broker;
  private static int volumes;

  private final Random random = new Random(11);
  private TestExporter exporter;
  private MemorySink sink;
  private byte[] model;

  @BeforeAll
  static void startBroker() throws Exception {
    broker = EmbeddedBroker.started();
    try (TestExporter exporter =
        new TestExporter(broker.bootstrapServers(), "none", CAPACITY, STRIPES)) {
      exporter.createTopics();
    }
  }

  @AfterAll
  static void stopBroker() {
    broker.close();
  }

  @BeforeEach
  void newVolume() {
    exporter = new TestExporter(broker.bootstrapServers(), "vol" + ++volumes, CAPACITY, STRIPES);
    sink = new MemorySink(CAPACITY);
    model = new byte[CAPACITY];
  }

  @AfterEach
  void closeExporter() {
    exporter.close();
  }

  private FollowerConfig following(String volume, String prefix) {
    FollowerConfig base = config(1);
    return new FollowerConfig(
        volume,
        new TopicNames(prefix),
        base.codec(),
        base.kafka(),
        Map.of(),
        Map.of(),
        base.from(),
        base.bufferBytes(),
        base.resyncRepeat(),
        "test",
        base.scratch());
  }

  private FollowerConfig config(long bufferBytes) {
    FollowerConfig base =
        FollowerConfig.of(exporter.volume, Map.of("bootstrap.servers", broker.bootstrapServers()));
    return new FollowerConfig(
        base.volume(),
        base.topics(),
        base.codec(),
        base.kafka(),
        Map.of(),
        Map.of(),
        base.from(),
        bufferBytes,
        base.resyncRepeat(),
        "test",
        base.scratch());
  }

  private void catchUp() throws IncrementException {
    catchUp(FollowerConfig.DEFAULT_BUFFER_BYTES);
  }

  private void catchUp(long bufferBytes) throws IncrementException {
    try (Follower follower = new Follower(config(bufferBytes), sink, FollowerListener.NONE)) {
      follower.run(Follower.Until.CAUGHT_UP);
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
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.BASELINE);
    for (int block = 0; block < 60; block += 4) {
      attempt.piece(inModel(raw((long) block * BLOCK, content(4))));
    }
    attempt.piece(inModel(zero(60L * BLOCK, 4 * BLOCK)));
    return attempt.commit();
  }

  private IncrementCommitted delta() {
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.DELTA);
    attempt.piece(inModel(zstd(3L * BLOCK, repeated(2))));
    attempt.piece(inModel(zero(7L * BLOCK, 2 * BLOCK)));
    attempt.piece(inModel(raw(61L * BLOCK, content(3))));
    return attempt.commit();
  }

  private byte[] repeated(int blocks) {
    byte[] bytes = new byte[blocks * BLOCK];
    Arrays.fill(bytes, (byte) random.nextInt());
    return bytes;
  }

  @Test
  void appliesBaselineAndDeltasInOrder() throws Exception {
    baseline();
    delta();
    IncrementCommitted last = delta();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
    assertThat(sink.state().applied()).contains(Position.of(last));
    assertThat(sink.state().applying()).isEmpty();
  }

  @Test
  void readsIncrementsLargerThanItsBufferTwice() throws Exception {
    baseline();
    delta();
    catchUp(BLOCK);
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void appliesAnIncrementWithoutChanges() throws Exception {
    baseline();
    IncrementCommitted empty = exporter.increment(IncrementKind.DELTA);
    delta();
    catchUp();
    assertThat(sink.committed).contains(empty.getIncrementId()).hasSize(3);
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void newSinkBeginsWithTheLatestBaseline() throws Exception {
    baseline();
    delta();
    IncrementCommitted second = baseline();
    delta();
    catchUp();
    assertThat(sink.begun).hasSize(2).startsWith(second.getIncrementId());
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void goesOnWhereItLeftOff() throws Exception {
    baseline();
    catchUp();
    delta();
    catchUp();
    catchUp();
    assertThat(sink.committed).hasSize(2).doesNotHaveDuplicates();
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void followsWhatIsCommittedWhileItRuns() throws Exception {
    baseline();
    try (Follower follower = new Follower(config(1 << 20), sink, FollowerListener.NONE)) {
      CompletableFuture<Void> run =
          CompletableFuture.runAsync(
              () -> {
                try {
                  follower.run(Follower.Until.CLOSED);
                } catch (IncrementException e) {
                  throw new IllegalStateException(e);
                }
              });
      IncrementCommitted last = delta();
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> sink.state().applied().equals(java.util.Optional.of(Position.of(last))));
      follower.stop();
      run.get();
    }
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void recordsOfOthersBetweenAnIncrementsOwnAreLeftOut() throws Exception {
    baseline();
    TestExporter.Attempt zombie = exporter.new Attempt(IncrementKind.DELTA);
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.DELTA);
    for (int block = 0; block < 12; block++) {
      attempt.piece(inModel(raw((long) block * BLOCK, content(1))));
      zombie.piece(raw((long) block * BLOCK, content(1)));
      exporter.sendRaw(exporter.topics.chunks(), block % STRIPES, new byte[] {1, 2, 3});
    }
    attempt.commit();
    zombie.abort();
    catchUp();
    assertThat(sink.committed).hasSize(2);
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void incrementCutShortByACrashIsAppliedAgainFromItsStart() throws Exception {
    baseline();
    catchUp();
    IncrementCommitted cut = delta();
    sink.diesAfterWrites = 1;
    assertThatThrownBy(this::catchUp).hasMessageContaining("died");
    assertThat(sink.state().applying()).contains(Position.of(cut));
    delta();
    catchUp();
    assertThat(sink.begun.subList(1, 3)).containsOnly(cut.getIncrementId());
    assertThat(sink.bytes).isEqualTo(model);
  }

  static Stream<Arguments> spoilings() {
    return Stream.of(
        spoiling("a chunk is missing", chunk -> List.of()),
        spoiling("a chunk came twice", chunk -> List.of(chunk, chunk)),
        spoiling("a bit is wrong", chunk -> List.of(with(chunk, flip(chunk.getPayload())))),
        spoiling(
            "content was replaced, with its checksum",
            chunk ->
                List.of(
                    DataChunk.newBuilder(with(chunk, flip(chunk.getPayload())))
                        .setCrc32c(io.blkcast.codec.Digests.crc32c(flip(chunk.getPayload())))
                        .build())),
        spoiling("a chunk lies elsewhere", chunk -> List.of(at(chunk, 40L * BLOCK))),
        spoiling("a chunk overlaps another", chunk -> List.of(at(chunk, 0))),
        spoiling("a chunk lies outside", chunk -> List.of(at(chunk, CAPACITY))),
        spoiling("a chunk lies before the start", chunk -> List.of(at(chunk, -BLOCK))),
        spoiling("an offset overflows", chunk -> List.of(at(chunk, Long.MAX_VALUE - 10))),
        spoiling(
            "a size is wrong",
            chunk -> List.of(DataChunk.newBuilder(chunk).setSizeBytes(BLOCK / 2).build())),
        spoiling(
            "a sequence number is wrong",
            chunk -> List.of(DataChunk.newBuilder(chunk).setSequence(77).build())),
        spoiling(
            "an encoding is wrong",
            chunk -> List.of(DataChunk.newBuilder(chunk).setEncoding(ChunkEncoding.ZSTD).build())),
        spoiling(
            "data is called zero",
            chunk ->
                List.of(
                    DataChunk.newBuilder(chunk)
                        .setEncoding(ChunkEncoding.ZERO)
                        .setPayload(ByteBuffer.allocate(0))
                        .build())));
  }

  private static Arguments spoiling(String name, Function<DataChunk, List<DataChunk>> spoil) {
    return Arguments.of(name, spoil);
  }

  private static DataChunk with(DataChunk chunk, ByteBuffer payload) {
    return DataChunk.newBuilder(chunk).setPayload(payload).build();
  }

  private static DataChunk at(DataChunk chunk, long offset) {
    return DataChunk.newBuilder(chunk).setByteOffset(offset).build();
  }

  private static ByteBuffer flip(ByteBuffer payload) {
    byte[] bytes = new byte[payload.remaining()];
    payload.duplicate().get(bytes);
    bytes[bytes.length / 2] ^= 4;
    return ByteBuffer.wrap(bytes);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("spoilings")
  void spoiltIncrementIsNeverAppliedAndHealedByABaseline(
      String name, Function<DataChunk, List<DataChunk>> spoil) throws Exception {
    baseline();
    catchUp();
    byte[] before = sink.bytes.clone();
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.DELTA);
    attempt.piece(raw(0, content(1)));
    attempt.piece(raw(8L * BLOCK, content(1)), spoil);
    attempt.piece(raw(20L * BLOCK, content(1)));
    attempt.commit();
    exporter.increment(IncrementKind.DELTA, raw(BLOCK, content(1)));

    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.CORRUPT));
    assertThatThrownBy(() -> catchUp(1)).isInstanceOf(IncrementException.class);
    assertThat(sink.begun).hasSize(1);
    assertThat(sink.bytes).isEqualTo(before);
    assertThat(resyncsAsked()).isPositive();

    baseline();
    delta();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
  }

  static Stream<Arguments> forgeries() {
    return Stream.of(
        forgery("a count was raised", m -> m.setChunkCount(m.getChunkCount() + 1)),
        forgery("changed bytes were lowered", m -> m.setChangedBytes(m.getChangedBytes() - BLOCK)),
        forgery("zero bytes were raised", m -> m.setZeroBytes(m.getZeroBytes() + BLOCK)),
        forgery("payload bytes were lowered", m -> m.setPayloadBytes(m.getPayloadBytes() - 1)),
        forgery("the content digest is another", m -> m.setContentDigest(ByteBuffer.allocate(32))),
        forgery("the content digest is short", m -> m.setContentDigest(ByteBuffer.allocate(31))),
        forgery("the volume's size is another", m -> m.setVolumeCapacityBytes(CAPACITY / 2)),
        forgery("the parent is another", m -> m.setParentIncrementId(new UUID(1, 1))),
        forgery("the place in the chain is another", m -> m.setChainLength(9)),
        forgery("the ranges are gone", m -> m.setChunkRanges(List.of())));
  }

  private static Arguments forgery(
      String name, Function<IncrementCommitted.Builder, IncrementCommitted.Builder> forge) {
    return Arguments.of(name, forge);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("forgeries")
  void forgedManifestIsNeverAppliedThoughItsChainDigestFits(
      String name, Function<IncrementCommitted.Builder, IncrementCommitted.Builder> forge)
      throws Exception {
    baseline();
    catchUp();
    byte[] before = sink.bytes.clone();
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.DELTA);
    attempt.piece(raw(0, content(1)));
    attempt.piece(zero(8L * BLOCK, BLOCK));
    IncrementCommitted forged =
        forge.apply(IncrementCommitted.newBuilder(attempt.manifest())).build();
    exporter.publish(exporter.seal(forged, exporter.last()));
    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.needsResync()).isTrue());
    assertThat(sink.begun).hasSize(1);
    assertThat(sink.bytes).isEqualTo(before);
  }

  @Test
  void manifestThatWasChangedAfterItWasSealedIsNeverApplied() throws Exception {
    baseline();
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.DELTA);
    attempt.piece(raw(0, content(1)));
    exporter.publish(
        IncrementCommitted.newBuilder(attempt.manifest())
            .setCommittedAt(java.time.Instant.EPOCH)
            .build());
    assertThatThrownBy(this::catchUp).hasMessageContaining("chain digest");
    assertThat(sink.begun).hasSize(1);
  }

  @Test
  void incrementThatIsMissingInBetweenIsNoticedAtTheNext() throws Exception {
    baseline();
    IncrementCommitted base = exporter.increment(IncrementKind.DELTA, raw(0, content(1)));
    catchUp();
    TestExporter.Attempt unseen = exporter.new Attempt(IncrementKind.DELTA);
    unseen.piece(raw(0, content(1)));
    IncrementCommitted lost = unseen.manifest();
    assertThat(lost.getParentIncrementId()).isEqualTo(base.getIncrementId());
    TestExporter.Attempt next = exporter.new Attempt(IncrementKind.DELTA);
    next.piece(raw(0, content(1)));
    exporter.inject(
        exporter.seal(
            IncrementCommitted.newBuilder(next.manifest())
                .setParentIncrementId(lost.getIncrementId())
                .setChainLength(lost.getChainLength() + 1)
                .build(),
            Position.of(lost)));
    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.GAP));
    assertThat(sink.begun).hasSize(2);
  }

  @Test
  void deltaWithoutABaselineAsksForOne() throws Exception {
    TestExporter.Attempt baseline = exporter.new Attempt(IncrementKind.BASELINE);
    baseline.piece(inModel(raw(0, content(64))));
    IncrementCommitted unseen = baseline.manifest();
    TestExporter.Attempt delta = exporter.new Attempt(IncrementKind.DELTA);
    delta.piece(raw(0, content(1)));
    exporter.inject(
        exporter.seal(
            IncrementCommitted.newBuilder(delta.manifest())
                .setParentIncrementId(unseen.getIncrementId())
                .setChainLength(2)
                .build(),
            Position.of(unseen)));
    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.GAP));
    assertThat(resyncsAsked()).isEqualTo(1);
    baseline();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void deletedChunksAreToldApartAndHealedByABaseline() throws Exception {
    baseline();
    catchUp();
    byte[] before = sink.bytes.clone();
    IncrementCommitted gone = exporter.increment(IncrementKind.DELTA, raw(0, content(1)));
    delete(gone);
    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.MISSING));
    assertThat(sink.bytes).isEqualTo(before);
    assertThat(resyncsAsked()).isEqualTo(1);
    baseline();
    delta();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void sinkLeftHalfAppliedWhoseRecordsAreGoneTakesNothingButABaseline() throws Exception {
    baseline();
    catchUp();
    IncrementCommitted cut = delta();
    sink.diesAfterWrites = 1;
    assertThatThrownBy(this::catchUp).hasMessageContaining("died");
    delete(cut);
    exporter.increment(IncrementKind.DELTA, raw(0, content(1)));
    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.MISSING));
    assertThat(sink.state().applying()).contains(Position.of(cut));
    baseline();
    catchUp();
    assertThat(sink.state().applying()).isEmpty();
    assertThat(sink.bytes).isEqualTo(model);
  }

  /** A DELTA of one chunk, with a record in its range that cannot be read before it. */
  private IncrementCommitted deltaWithAnUnreadableRecord(boolean chunkToo) {
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.DELTA);
    attempt.piece(
        chunkToo ? inModel(raw(0, content(1))) : raw(0, content(1)),
        chunk -> {
          byte[] record = exporter.codec.encode(exporter.topics.chunks(), chunk);
          record[5] ^= 1;
          exporter.sendRaw(exporter.topics.chunks(), 0, record);
          return List.of(chunkToo ? chunk : at(chunk, -1));
        });
    IncrementCommitted manifest = attempt.manifest();
    PartitionRange range = manifest.getChunkRanges().get(0);
    return exporter.publish(
        exporter.seal(
            IncrementCommitted.newBuilder(manifest)
                .setChunkRanges(
                    List.of(
                        new PartitionRange(
                            range.getPartition(),
                            range.getFirstOffset() - 1,
                            range.getEndOffset() - (chunkToo ? 0 : 1),
                            1L)))
                .build(),
            exporter.last()));
  }

  @Test
  void recordsInARangeThatCannotBeReadAreLeftOutIfNothingIsMissing() throws Exception {
    baseline();
    IncrementCommitted applied = deltaWithAnUnreadableRecord(true);
    catchUp();
    assertThat(sink.state().applied()).contains(Position.of(applied));
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void incrementWhoseOwnRecordCannotBeReadIsRefusedAndHealedByABaseline() throws Exception {
    baseline();
    catchUp();
    deltaWithAnUnreadableRecord(false);
    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.CORRUPT))
        .hasMessageContaining("cannot be read");
    assertThat(sink.begun).hasSize(1);
    assertThat(resyncsAsked()).isEqualTo(1);
    baseline();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
  }

  static Stream<Arguments> unreadable() {
    byte[] manifest =
        io.blkcast.codec.RecordCodec.singleObject().encode("x", Manifests.baseline("other"));
    return Stream.of(
        Arguments.of("garbage", new byte[] {0, 0, 0, 0, 1, 2, 3}),
        Arguments.of("nothing", new byte[0]),
        Arguments.of("a tombstone", null),
        Arguments.of("a wrong mark", new byte[] {-1, -1, 1, 2, 3, 4, 5, 6, 7, 8}),
        Arguments.of(
            "an unknown schema", new byte[] {(byte) 0xC3, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}),
        Arguments.of("another volume's manifest", manifest));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("unreadable")
  void recordsOfTheCatalogueThatCannotBeReadEndNothing(String name, byte @Nullable [] record)
      throws Exception {
    Runnable spoil = () -> exporter.sendRaw(exporter.topics.increments(), 0, record);
    spoil.run();
    baseline();
    spoil.run();
    delta();
    spoil.run();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
    delta();
    spoil.run();
    IncrementCommitted last = delta();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
    try (RetainedChain chain = new RetainedChain(config(1))) {
      assertThat(chain.manifests(Position.of(last))).hasSize(4);
    }
    sink = new MemorySink(CAPACITY);
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
    assertThat(resyncsAsked()).isZero();
  }

  @Test
  void manifestOfANewerVersionAtTheEndIsNotTakenForNothing() throws Exception {
    IncrementCommitted applied = baseline();
    byte[] newer =
        exporter.codec.encode(exporter.topics.increments(), Manifests.baseline(exporter.volume));
    newer[5] ^= 1;
    exporter.sendRaw(exporter.topics.increments(), 0, newer);
    assertThatThrownBy(this::catchUp)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.UNDECIDED))
        .hasMessageContaining("newer version");
    assertThat(sink.state().applied()).contains(Position.of(applied));
    try (RetainedChain chain = new RetainedChain(config(1))) {
      assertThat(chain.manifests(Position.of(applied))).hasSize(1);
      assertThat(chain.hidden()).get().asString().contains("left out");
    }
    IncrementCommitted next = delta();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
    try (RetainedChain chain = new RetainedChain(config(1))) {
      assertThat(chain.manifests(Position.of(next))).hasSize(2);
      assertThat(chain.hidden()).isEmpty();
    }
  }

  @Test
  void oldBaselineThatIsPublishedAgainTakesNobodyBack() throws Exception {
    IncrementCommitted first = baseline();
    delta();
    exporter.inject(first);
    catchUp();
    delta();
    catchUp();
    assertThat(sink.committed).hasSize(3).doesNotHaveDuplicates();
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void chainThatGoesOnInAPartitionThatWasAddedIsFollowedAndCounted() throws Exception {
    String volume =
        Stream.iterate(1, n -> n + 1)
            .map(n -> "grown" + n)
            .filter(name -> Utils.toPositive(Utils.murmur2(name.getBytes(UTF_8))) % 2 == 1)
            .findFirst()
            .orElseThrow();
    exporter.close();
    exporter =
        new TestExporter(
            broker.bootstrapServers(), volume, CAPACITY, STRIPES, new TopicNames("grown."));
    exporter.createTopics();
    FollowerConfig config = following(volume, "grown.");
    baseline();
    Position before = Position.of(delta());
    IncrementCommitted last;
    try (Follower follower = new Follower(config, sink, FollowerListener.NONE)) {
      CompletableFuture<Void> run =
          CompletableFuture.runAsync(
              () -> {
                try {
                  follower.run(Follower.Until.CLOSED);
                } catch (IncrementException e) {
                  throw new IllegalStateException(e);
                }
              });
      Awaitility.await().until(() -> sink.state().applied().equals(Optional.of(before)));
      exporter.addPartitions(2);
      delta();
      last = delta();
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> sink.state().applied().equals(Optional.of(Position.of(last))));
      follower.stop();
      run.get();
    }
    assertThat(sink.bytes).isEqualTo(model);

    sink = new MemorySink(CAPACITY);
    try (Follower fresh = new Follower(config, sink, FollowerListener.NONE)) {
      fresh.run(Follower.Until.CAUGHT_UP);
    }
    assertThat(sink.committed).hasSize(4).doesNotHaveDuplicates();
    assertThat(sink.bytes).isEqualTo(model);
    try (RetainedChain chain = new RetainedChain(config)) {
      assertThat(chain.manifests(before)).hasSize(2);
      assertThat(chain.newer(before)).isEqualTo(2);
      assertThat(chain.manifests(Position.of(last))).hasSize(4);
    }
  }

  @Test
  void volumeThatNobodyPublishesIsToldFromOneThatIsCaughtUp() {
    sink = new MemorySink(CAPACITY);
    baseline();
    try (Follower follower =
        new Follower(following("nobody", "blkcast."), sink, FollowerListener.NONE)) {
      assertThatThrownBy(() -> follower.run(Follower.Until.CAUGHT_UP))
          .isInstanceOfSatisfying(
              IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.NOTHING))
          .hasMessageContaining("nothing is published of volume nobody")
          .hasMessageContaining("vol");
    }
  }

  /** What a follower that goes on and on tells, until it is closed. */
  private static final class Told implements FollowerListener {
    private final java.util.Queue<String> stalls =
        new java.util.concurrent.ConcurrentLinkedQueue<>();
    private final java.util.concurrent.atomic.AtomicInteger caughtUp =
        new java.util.concurrent.atomic.AtomicInteger();

    @Override
    public void stalled(String cause) {
      stalls.add(cause);
    }

    @Override
    public void caughtUp() {
      caughtUp.incrementAndGet();
    }
  }

  @Test
  void transactionThatOthersLeaveOpenIsNamedAndNobodyIsCaughtUpBehindIt() throws Exception {
    baseline();
    catchUp();
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers",
            broker.bootstrapServers(),
            "transactional.id",
            "foreign",
            "transaction.timeout.ms",
            600_000);
    try (var foreign =
        new org.apache.kafka.clients.producer.KafkaProducer<>(
            settings,
            new org.apache.kafka.common.serialization.ByteArraySerializer(),
            new org.apache.kafka.common.serialization.ByteArraySerializer())) {
      foreign.initTransactions();
      foreign.beginTransaction();
      foreign
          .send(
              new org.apache.kafka.clients.producer.ProducerRecord<>(
                  exporter.topics.increments(), 0, new byte[1], new byte[1]))
          .get();
      IncrementCommitted hidden = delta();
      assertThatThrownBy(this::catchUp)
          .isInstanceOfSatisfying(
              IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.UNDECIDED))
          .hasMessageContaining("blkcast.increments-0")
          .hasMessageContaining("open");
      try (RetainedChain chain = new RetainedChain(config(1))) {
        chain.manifests(sink.state().applied().orElseThrow());
        assertThat(chain.hidden()).get().asString().contains("open");
      }
      Told told = new Told();
      try (Follower follower = new Follower(config(1), sink, told)) {
        CompletableFuture<Void> run =
            CompletableFuture.runAsync(
                () -> {
                  try {
                    follower.run(Follower.Until.CLOSED);
                  } catch (IncrementException e) {
                    throw new IllegalStateException(e);
                  }
                });
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> !told.stalls.isEmpty());
        assertThat(told.caughtUp).hasValue(0);
        foreign.abortTransaction();
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> told.caughtUp.get() > 0);
        assertThat(sink.state().applied()).contains(Position.of(hidden));
        follower.stop();
        run.get();
      }
    }
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void topicThatIsNotThereIsNamed() {
    try (Follower follower =
        new Follower(following(exporter.volume, "nope."), sink, FollowerListener.NONE)) {
      assertThatThrownBy(() -> follower.run(Follower.Until.CAUGHT_UP))
          .isInstanceOfSatisfying(
              IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.NOTHING))
          .hasMessageContaining("topic nope.increments does not exist");
    }
    assertThatThrownBy(
            () -> {
              try (RetainedChain chain = new RetainedChain(following(exporter.volume, "nope."))) {
                chain.manifests(new Position(exporter.volume, new UUID(1, 2), 1, "00", CAPACITY));
              }
            })
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(Code.MISSING));
  }

  @Test
  void shuffledChunksAreApplied() throws Exception {
    TestExporter.Attempt attempt = exporter.new Attempt(IncrementKind.BASELINE);
    List<Integer> blocks = new ArrayList<>();
    for (int block = 0; block < 64; block++) {
      blocks.add(block);
    }
    Collections.shuffle(blocks, random);
    for (int block : blocks) {
      attempt.piece(inModel(raw((long) block * BLOCK, content(1))));
    }
    attempt.commit();
    catchUp();
    assertThat(sink.bytes).isEqualTo(model);
  }

  @Test
  void waitsForTheBrokerWhileItIsDown() throws Exception {
    baseline();
    try (Follower follower = new Follower(config(1), sink, FollowerListener.NONE)) {
      CompletableFuture<Void> run =
          CompletableFuture.runAsync(
              () -> {
                try {
                  follower.run(Follower.Until.CLOSED);
                } catch (IncrementException e) {
                  throw new IllegalStateException(e);
                }
              });
      broker.restart();
      IncrementCommitted last = delta();
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(
              () ->
                  run.isDone()
                      || sink.state().applied().equals(java.util.Optional.of(Position.of(last))));
      follower.stop();
      run.get();
    }
    assertThat(sink.bytes).isEqualTo(model);
  }

  private void delete(IncrementCommitted increment) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      var range = increment.getChunkRanges().get(0);
      admin
          .deleteRecords(
              Map.of(
                  new TopicPartition(TopicNames.defaults().chunks(), range.getPartition()),
                  RecordsToDelete.beforeOffset(range.getEndOffset())))
          .all()
          .get();
    }
  }

  /** Requests for a BASELINE of this test's volume. */
  private long resyncsAsked() {
    try (Consumer<byte[], ByteBuffer> consumer =
        new KafkaConsumer<>(
            config(1).catalogueSettings(),
            new ByteArrayDeserializer(),
            new ByteBufferDeserializer())) {
      TopicPartition partition = new TopicPartition(TopicNames.defaults().signals(), 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).getOrDefault(partition, 0L);
      long count = 0;
      while (consumer.position(partition) < end) {
        for (var record : consumer.poll(Duration.ofMillis(100))) {
          Signal signal = (Signal) exporter.codec.decode(record.value());
          if (signal.getVolume().equals(exporter.volume)) {
            assertThat(signal.getAction()).isEqualTo(SignalAction.RESYNC);
            count++;
          }
        }
      }
      return count;
    }
  }
}
