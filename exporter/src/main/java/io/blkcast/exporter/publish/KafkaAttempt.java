package io.blkcast.exporter.publish;

import io.blkcast.codec.ChunkEncoder;
import io.blkcast.codec.ContentDigest;
import io.blkcast.codec.Digests;
import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.TopicNames;
import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.publish.VolumePublisher.Deciding;
import io.blkcast.exporter.publish.VolumePublisher.Header;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.KafkaErrors;
import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.ChangedExtents;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.utils.Utils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One attempt at publishing one increment.
 *
 * <p>Partitions are settled at the start: the volume's own, which its key falls into, and for a
 * striped volume those that follow it. So an increment stays where it began even when partitions
 * are added under way. One call at a time; acknowledgements come on the producer's thread.
 */
final class KafkaAttempt implements Attempt {

  private static final Logger LOG = LoggerFactory.getLogger(KafkaAttempt.class);
  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  /** Only a bound: the producer's own delivery timeout ends the wait for every record. */
  private static final Duration ACK_LIMIT = Duration.ofMinutes(10);

  private final KafkaProducer<byte[], byte[]> bulk;
  private final VolumeTransactions transactions;
  private final CheckpointReader reader;
  private final TopicNames topics;
  private final String remedyOfDenial;
  private final VolumeSettings volume;
  private final RecordCodec codec;
  private final Clock clock;
  private final Header header;
  private final byte[] key;
  private final int chunkPartitions;
  private final int homePartition;
  private final int extentsPartition;
  private final PendingAcks acks = new PendingAcks();
  private final BulkSender sender;
  private final ChunkEncoder encoder;
  private final ContentDigest digest = new ContentDigest();
  private final PayloadCompressor compressor = new PayloadCompressor();
  private final Tally tally = new Tally();
  private final RangeCollector chunkRanges = new RangeCollector();
  private final RangeCollector extentRanges = new RangeCollector();
  private boolean ended;
  private boolean inDoubt;

  /** Settles the partitions and sends {@code IncrementStarted}; returns when it is acknowledged. */
  KafkaAttempt(
      KafkaProducer<byte[], byte[]> bulk,
      VolumeTransactions transactions,
      CheckpointReader reader,
      PublishSettings settings,
      VolumeSettings volume,
      RecordCodec codec,
      Clock clock,
      Header header)
      throws BrokerException {
    this.bulk = bulk;
    this.transactions = transactions;
    this.reader = reader;
    this.topics = settings.topics();
    this.remedyOfDenial = settings.remedyOfDenial();
    this.volume = volume;
    this.codec = codec;
    this.clock = clock;
    this.header = header;
    this.key = volume.volume().getBytes(StandardCharsets.UTF_8);
    this.sender = new BulkSender(bulk, key, name(), remedyOfDenial, acks);
    try {
      this.chunkPartitions = bulk.partitionsFor(topics.chunks()).size();
      this.homePartition = partitionOfKey(chunkPartitions);
      this.extentsPartition = partitionOfKey(bulk.partitionsFor(topics.extents()).size());
      this.encoder = codec.chunkEncoder(topics.chunks(), volume.volume(), header.incrementId());
      byte[] started =
          codec.encode(topics.chunks(), RecordFactory.started(volume.volume(), header));
      sender.send(topics.chunks(), homePartition, started, new RangeCollector(), 0);
    } catch (RuntimeException e) {
      throw KafkaErrors.translate("start of " + name(), e, remedyOfDenial);
    }
    acks.await(ACK_LIMIT);
  }

  /** Whether a next attempt may begin. */
  boolean isEnded() {
    return ended;
  }

  @Override
  public CompletionStage<Void> extents(List<BlockMetadata> batch) {
    refuseWhenEnded();
    batch.forEach(extent -> tally.extent(extent.getSizeBytes()));
    byte[] value =
        codec.encode(
            topics.extents(),
            new ChangedExtents(volume.volume(), header.incrementId(), tally.nextBatch(), batch));
    return sender
        .send(topics.extents(), extentsPartition, value, extentRanges, 0)
        .thenApply(any -> null);
  }

  @Override
  public void ahead(boolean ahead) {
    digest.ahead(ahead);
  }

  @Override
  public CompletionStage<Integer> chunk(long offset, ByteBuffer plain) {
    int size = plain.remaining();
    if (size < 1 || size > volume.chunkBytes()) {
      throw new IllegalArgumentException(
          "chunk of " + size + " bytes; 1 to " + volume.chunkBytes() + " are configured");
    }
    if (Zeroes.only(plain)) {
      return zero(offset, size);
    }
    refuseWhenEnded();
    digest.data(offset, plain);
    ByteBuffer payload = volume.zstd() ? compressor.compress(plain) : plain;
    ChunkEncoding encoding = payload == plain ? ChunkEncoding.RAW : ChunkEncoding.ZSTD;
    return send(offset, size, Digests.crc32c(plain), encoding, payload);
  }

  @Override
  public CompletionStage<Integer> zero(long offset, long length) {
    refuseWhenEnded();
    digest.zero(offset, length);
    return send(offset, length, 0, ChunkEncoding.ZERO, NOTHING);
  }

  private CompletionStage<Integer> send(
      long offset, long size, int crc, ChunkEncoding encoding, ByteBuffer payload) {
    int sent = payload.remaining();
    long sequence = tally.nextChunk(size, encoding == ChunkEncoding.ZERO, sent);
    int stripe = (int) (sequence % volume.stripes());
    int partition = (homePartition + stripe) % chunkPartitions;
    byte[] value = encoder.encode(sequence, offset, size, crc, encoding, payload);
    return sender.send(topics.chunks(), partition, value, chunkRanges, sent);
  }

  @Override
  public Committed commit(Deciding deciding) throws BrokerException {
    refuseWhenEnded();
    acks.await(ACK_LIMIT);
    tally.check(header);
    IncrementCommitted manifest =
        RecordFactory.committed(
            volume.volume(),
            header,
            tally,
            extentRanges.ranges(),
            chunkRanges.ranges(),
            digest.finish(),
            clock.instant());
    Checkpoint checkpoint = RecordFactory.checkpoint(manifest);
    List<ProducerRecord<byte[], byte[]>> records;
    Link link;
    try {
      byte[] toIncrements = codec.encode(topics.increments(), manifest);
      byte[] toCheckpoints = codec.encode(topics.checkpoints(), checkpoint);
      link =
          new Link(
              header.incrementId(),
              Link.digest(toCheckpoints),
              Link.digest(toIncrements),
              header.parent().isEmpty());
      records =
          List.of(
              new ProducerRecord<>(topics.increments(), key, toIncrements),
              new ProducerRecord<>(
                  topics.chunks(), homePartition, key, codec.encode(topics.chunks(), manifest)),
              transactions.checkpoint(toCheckpoints));
    } catch (RuntimeException e) {
      throw KafkaErrors.translate("commit of " + name(), e, remedyOfDenial);
    }
    Optional<Place> read =
        transactions.commit(
            "commit of " + name(),
            records,
            reader,
            () -> {
              deciding.committing(link);
              inDoubt = true;
            });
    end();
    return new Committed(manifest, checkpoint, link, read);
  }

  @Override
  public void abort(String reason, String message) {
    if (ended) {
      return;
    }
    end();
    if (inDoubt) {
      // It may be committed for all we know: opening the volume again will tell.
      LOG.warn("{} is given up, but whether it was committed is not known yet", name());
      return;
    }
    BrokerException failure = acks.failure();
    if (failure != null && failure.code() == BrokerException.Code.RETRIABLE) {
      // The brokers are away: sending would block, and readers do without, as after a crash.
      return;
    }
    try {
      IncrementAborted aborted =
          RecordFactory.aborted(volume.volume(), header, reason, message, clock.instant());
      sendAborted(
          new ProducerRecord<>(
              topics.chunks(), homePartition, key, codec.encode(topics.chunks(), aborted)));
      sendAborted(
          new ProducerRecord<>(
              topics.increments(), key, codec.encode(topics.increments(), aborted)));
    } catch (RuntimeException e) {
      LOG.warn("{}: its end could not be published: {}", name(), e.toString());
    }
  }

  private void sendAborted(ProducerRecord<byte[], byte[]> record) {
    bulk.send(
        record,
        (metadata, failure) -> {
          if (failure != null) {
            LOG.warn("{}: its end could not be published: {}", name(), failure.toString());
          }
        });
  }

  private void end() {
    ended = true;
    compressor.close();
  }

  private void refuseWhenEnded() {
    if (ended) {
      throw new IllegalStateException(name() + " has ended");
    }
  }

  private String name() {
    return "increment " + header.incrementId() + " of volume " + volume.volume();
  }

  /** As Kafka's own partitioner has it, so that every producer finds the same. */
  private int partitionOfKey(int partitions) {
    return Utils.toPositive(Utils.murmur2(key)) % partitions;
  }
}
