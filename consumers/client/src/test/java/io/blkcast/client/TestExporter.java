package io.blkcast.client;

import com.github.luben.zstd.Zstd;
import io.blkcast.codec.Digests;
import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.TopicNames;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.Consistency;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.IncrementStarted;
import io.blkcast.schema.PartitionRange;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** Publishes increments record by record, so that a test can spoil any of them. */
final class TestExporter implements AutoCloseable {

  static final int BLOCK = 4096;

  final TopicNames topics;
  final RecordCodec codec = RecordCodec.singleObject();
  final String volume;
  final int capacity;
  private final int stripes;
  private final Producer<byte[], byte[]> producer;
  private final Map<String, Object> kafka;
  private @Nullable Position last;
  private int catalogue;

  TestExporter(String bootstrapServers, String volume, int capacity, int stripes) {
    this(bootstrapServers, volume, capacity, stripes, TopicNames.defaults());
  }

  TestExporter(
      String bootstrapServers, String volume, int capacity, int stripes, TopicNames topics) {
    this.topics = topics;
    this.volume = volume;
    this.capacity = capacity;
    this.stripes = stripes;
    this.kafka = Map.of("bootstrap.servers", bootstrapServers);
    this.producer =
        new KafkaProducer<>(kafka, new ByteArraySerializer(), new ByteArraySerializer());
  }

  void createTopics() throws Exception {
    try (Admin admin = Admin.create(kafka)) {
      List<NewTopic> missing = new ArrayList<>();
      for (String topic : topics.all()) {
        missing.add(new NewTopic(topic, topic.equals(topics.chunks()) ? stripes : 1, (short) 1));
      }
      admin.createTopics(missing).all().get();
    }
  }

  /** Has the catalogue so many partitions, and goes on in the last of them. */
  void addPartitions(int partitions) throws Exception {
    try (Admin admin = Admin.create(kafka)) {
      admin
          .createPartitions(Map.of(topics.increments(), NewPartitions.increaseTo(partitions)))
          .all()
          .get();
    }
    catalogue = partitions - 1;
  }

  /** A chunk before it is sent. */
  record Piece(long offset, byte[] content, ChunkEncoding encoding) {
    static Piece raw(long offset, byte[] content) {
      return new Piece(offset, content, ChunkEncoding.RAW);
    }

    static Piece zstd(long offset, byte[] content) {
      return new Piece(offset, content, ChunkEncoding.ZSTD);
    }

    static Piece zero(long offset, int size) {
      return new Piece(offset, new byte[size], ChunkEncoding.ZERO);
    }
  }

  /** An increment whose records are being sent. */
  final class Attempt {
    final UUID id = UUID.randomUUID();
    final IncrementKind kind;
    private final Map<Integer, long[]> ranges = new TreeMap<>();
    private final TreeMap<Long, byte[]> leaves = new TreeMap<>();
    private long sequence;
    private long changed;
    private long zeroes;
    private long payload;

    Attempt(IncrementKind kind) {
      this.kind = kind;
      send(
          topics.chunks(),
          0,
          IncrementStarted.newBuilder()
              .setVolume(volume)
              .setIncrementId(id)
              .setKind(kind)
              .setVolumeCapacityBytes(capacity)
              .setBlockSizeBytes(BLOCK)
              .setChangedBytes(0)
              .setSnapshotTakenAt(Instant.now())
              .setSource(Manifests.source())
              .build());
    }

    DataChunk encode(Piece piece) {
      ByteBuffer body =
          switch (piece.encoding()) {
            case RAW -> ByteBuffer.wrap(piece.content());
            case ZSTD -> ByteBuffer.wrap(Zstd.compress(piece.content()));
            case ZERO -> ByteBuffer.allocate(0);
          };
      boolean zero = piece.encoding() == ChunkEncoding.ZERO;
      return new DataChunk(
          volume,
          id,
          sequence,
          piece.offset(),
          (long) piece.content().length,
          zero ? 0 : Digests.crc32c(ByteBuffer.wrap(piece.content())),
          piece.encoding(),
          body);
    }

    /** Counts a piece, and sends what a test makes of its record, if anything. */
    void piece(Piece piece, Function<DataChunk, List<DataChunk>> spoil) {
      DataChunk honest = encode(piece);
      leaves.put(piece.offset(), leaf(piece));
      changed += piece.content().length;
      payload += honest.getPayload().remaining();
      zeroes += piece.encoding() == ChunkEncoding.ZERO ? piece.content().length : 0;
      int partition = (int) (sequence++ % stripes);
      for (DataChunk chunk : spoil.apply(honest)) {
        long offset = send(topics.chunks(), partition, chunk);
        long[] range = ranges.computeIfAbsent(partition, p -> new long[] {offset, 0, 0});
        range[1] = offset + 1;
        range[2]++;
      }
    }

    void piece(Piece piece) {
      piece(piece, List::of);
    }

    /** The manifest as it should be. */
    IncrementCommitted manifest() {
      Position parent = kind == IncrementKind.BASELINE ? null : last;
      IncrementCommitted manifest =
          IncrementCommitted.newBuilder()
              .setVolume(volume)
              .setIncrementId(id)
              .setKind(kind)
              .setParentIncrementId(parent == null ? null : parent.incrementId())
              .setChainLength(parent == null ? 1 : parent.chainLength() + 1)
              .setTargetSnapshotId(UUID.randomUUID())
              .setConsistency(Consistency.CRASH)
              .setVolumeCapacityBytes(capacity)
              .setBlockSizeBytes(BLOCK)
              .setChangedBytes(changed)
              .setZeroBytes(zeroes)
              .setPayloadBytes(payload)
              .setExtentCount(1)
              .setChunkCount(sequence)
              .setExtentRanges(List.of())
              .setChunkRanges(
                  ranges.entrySet().stream()
                      .map(
                          e ->
                              new PartitionRange(
                                  e.getKey(), e.getValue()[0], e.getValue()[1], e.getValue()[2]))
                      .toList())
              .setContentDigest(contentDigest())
              .setChainDigest(ByteBuffer.allocate(0))
              .setSnapshotTakenAt(Instant.now())
              .setCommittedAt(Instant.now())
              .setSource(Manifests.source())
              .build();
      return seal(manifest, parent);
    }

    private ByteBuffer contentDigest() {
      var sha = sha256();
      leaves.values().forEach(sha::update);
      return ByteBuffer.wrap(sha.digest());
    }

    IncrementCommitted commit() {
      return publish(manifest());
    }

    void abort() {
      IncrementAborted aborted =
          IncrementAborted.newBuilder()
              .setVolume(volume)
              .setIncrementId(id)
              .setReason("test")
              .setMessage("")
              .setAbortedAt(Instant.now())
              .build();
      send(topics.increments(), 0, aborted);
      send(topics.chunks(), 0, aborted);
    }
  }

  /** The manifest with the chain digest that it should have. */
  IncrementCommitted seal(IncrementCommitted manifest, @Nullable Position parent) {
    byte[] base =
        parent == null
            ? Digests.chainStart()
            : java.util.HexFormat.of().parseHex(parent.chainDigest());
    return IncrementCommitted.newBuilder(manifest)
        .setChainDigest(ByteBuffer.wrap(Digests.chain(base, manifest)))
        .build();
  }

  /** Sends a manifest; the next increment stands on it. */
  IncrementCommitted publish(IncrementCommitted manifest) {
    inject(manifest);
    last = Position.of(manifest);
    return manifest;
  }

  /** Sends a manifest that no later increment stands on. */
  void inject(IncrementCommitted manifest) {
    send(topics.increments(), catalogue, manifest);
    send(topics.chunks(), 0, manifest);
  }

  Position last() {
    if (last == null) {
      throw new IllegalStateException("nothing was published");
    }
    return last;
  }

  IncrementCommitted increment(IncrementKind kind, Piece... pieces) {
    Attempt attempt = new Attempt(kind);
    for (Piece piece : pieces) {
      attempt.piece(piece);
    }
    return attempt.commit();
  }

  private long send(String topic, int partition, SpecificRecordBase value) {
    return sendRaw(topic, partition, codec.encode(topic, value));
  }

  long sendRaw(String topic, int partition, byte @Nullable [] value) {
    try {
      return producer
          .send(
              new ProducerRecord<>(
                  topic, partition, volume.getBytes(StandardCharsets.UTF_8), value))
          .get()
          .offset();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] leaf(Piece piece) {
    var sha = sha256();
    boolean zero = piece.encoding() == ChunkEncoding.ZERO;
    sha.update(
        ByteBuffer.allocate(17)
            .putLong(piece.offset())
            .putLong(piece.content().length)
            .put((byte) (zero ? 1 : 0))
            .flip());
    return zero ? sha.digest() : sha.digest(piece.content());
  }

  private static java.security.MessageDigest sha256() {
    try {
      return java.security.MessageDigest.getInstance("SHA-256");
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    producer.close();
  }
}
