package io.blkcast.client;

import io.blkcast.client.IncrementException.Code;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementStarted;
import io.blkcast.schema.PartitionRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteBufferDeserializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the chunks topic alone, from front to back, as any consumer may: stages chunks under their
 * increment's id, and applies them when {@code IncrementCommitted} has come and every range that it
 * names is read. Partitions have no order among each other, so a striped volume's chunks come
 * before {@code IncrementStarted} and after the manifest. {@link Follower} is the better way
 * wherever the increments topic can be read.
 *
 * <p>Records of an exporter that was shut out and writes on do no harm: they are staged apart, and
 * dropped once an increment commits that has records behind them, after which theirs never can.
 * Where to go on is kept as the group's offsets in Kafka; they never pass the first record of an
 * increment that is still open. Staging takes disk space, as much as the increment's payload;
 * memory is bounded. All is done by the thread that calls {@link #run}.
 */
public final class SequentialReader implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SequentialReader.class);
  private static final Duration POLL = Duration.ofMillis(500);

  private final FollowerConfig config;
  private final Path stageDir;
  private final IncrementSink sink;
  private final Consumer<byte[], ByteBuffer> consumer;
  private final FollowerListener listener;
  private final Acceptance acceptance;
  private final byte[] key;
  private final Map<UUID, Open> open = new HashMap<>();
  private volatile boolean closed;

  private final Deque<Ended> ended = new ArrayDeque<>();
  private final Set<UUID> seen = new HashSet<>();

  /** An increment of which something was read and that has not ended. */
  private static final class Open {
    private final SpillFile stage;
    private final Map<TopicPartition, Long> first = new HashMap<>();

    Open(SpillFile stage) {
      this.stage = stage;
    }
  }

  /** A manifest whose chunks may not all be read yet, and where it was. */
  private record Ended(
      IncrementCommitted manifest, ByteBuffer raw, TopicPartition partition, long offset) {}

  /**
   * @param group consumer group whose offsets say where to go on; one for each sink
   * @param stageDir directory for increments that are not yet committed
   */
  public SequentialReader(
      FollowerConfig config,
      String group,
      Path stageDir,
      IncrementSink sink,
      FollowerListener listener) {
    this.config = config;
    this.stageDir = stageDir;
    this.sink = sink;
    this.listener = listener;
    this.key = config.volume().getBytes(StandardCharsets.UTF_8);
    Map<String, Object> settings = config.catalogueSettings();
    settings.put(ConsumerConfig.GROUP_ID_CONFIG, group);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    this.consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteBufferDeserializer());
    this.acceptance = new Acceptance(config, sink, listener);
  }

  /**
   * Reads on the calling thread, until then or until stopped. Unlike a {@link Follower} it does not
   * wait for brokers or a schema registry that fail; a new reader goes on where this one was.
   *
   * @throws IncrementException {@code REFUSED}, {@code SINK}; {@code KAFKA} where brokers or the
   *     schema registry fail or deny access. With {@code CAUGHT_UP} also what needs a BASELINE that
   *     is not there
   */
  public void run(Follower.Until until) throws IncrementException {
    String topic = config.topics().chunks();
    try {
      assign(topic);
      while (!closed) {
        sink.inspect();
        for (ConsumerRecord<byte[], ByteBuffer> record : consumer.poll(POLL)) {
          if (Arrays.equals(record.key(), key)) {
            take(record);
          }
        }
        // Where partitions were added, the volume's records may go on in one of these.
        boolean atEnd = !assign(topic) && atEnd();
        settle(atEnd);
        if (atEnd) {
          Optional<IncrementException> missing = acceptance.missing();
          if (missing.isEmpty()) {
            listener.caughtUp();
          } else {
            listener.idle();
          }
          if (until == Follower.Until.CAUGHT_UP) {
            if (missing.isPresent()) {
              throw missing.get();
            }
            return;
          }
        }
      }
    } catch (WakeupException e) {
      LOG.debug("{}: woken up", config.volume());
    } catch (KafkaException e) {
      throw new IncrementException(Code.KAFKA, "Kafka failed: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new IncrementException(
          Code.SINK, "cannot stage an increment in " + stageDir + ": " + e.getMessage(), e);
    }
  }

  /** Takes all partitions that there are; whether there are more than before. */
  private boolean assign(String topic) {
    Set<TopicPartition> all =
        consumer.partitionsFor(topic).stream()
            .map(info -> new TopicPartition(topic, info.partition()))
            .collect(Collectors.toSet());
    if (consumer.assignment().containsAll(all)) {
      return false;
    }
    consumer.assign(all);
    return true;
  }

  private boolean atEnd() {
    try {
      return consumer.endOffsets(consumer.assignment()).entrySet().stream()
          .allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
    } catch (RetriableException e) {
      return false;
    }
  }

  private void take(ConsumerRecord<byte[], ByteBuffer> record) throws IOException {
    SpecificRecord value = RecordReader.decodeOrNull(config.codec(), record.value());
    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
    if (value instanceof IncrementStarted started) {
      open(started.getIncrementId(), partition, record.offset());
    } else if (value instanceof DataChunk chunk) {
      open(chunk.getIncrementId(), partition, record.offset()).stage.add(record.value());
    } else if (value instanceof IncrementAborted aborted) {
      drop(aborted.getIncrementId());
    } else if (value instanceof IncrementCommitted manifest
        && manifest.getVolume().equals(config.volume())
        && seen.add(manifest.getIncrementId())) {
      ended.add(new Ended(manifest, RecordReader.copy(record.value()), partition, record.offset()));
    }
  }

  private Open open(UUID id, TopicPartition partition, long offset) throws IOException {
    Open increment = open.get(id);
    if (increment == null) {
      increment = new Open(new SpillFile(stageDir, config.codec()));
      open.put(id, increment);
    }
    increment.first.putIfAbsent(partition, offset);
    return increment;
  }

  /**
   * Applies the increments whose chunks are all read, in the order of their manifests.
   *
   * @param atEnd whether there is nothing more to wait for, whatever a manifest names
   */
  private void settle(boolean atEnd) throws IOException, IncrementException {
    while (!ended.isEmpty() && (atEnd || isRead(ended.peek().manifest()))) {
      commit(ended.remove());
      remember();
    }
  }

  private boolean isRead(IncrementCommitted manifest) {
    return manifest.getChunkRanges().stream()
        .allMatch(
            range -> {
              TopicPartition partition =
                  new TopicPartition(config.topics().chunks(), range.getPartition());
              return !consumer.assignment().contains(partition)
                  || consumer.position(partition) >= range.getEndOffset();
            });
  }

  private void commit(Ended end) throws IncrementException, IOException {
    IncrementCommitted manifest = end.manifest();
    Open increment = open.get(manifest.getIncrementId());
    acceptance.offer(
        manifest, end.raw(), () -> apply(manifest, increment == null ? null : increment.stage));
    drop(manifest.getIncrementId());
    // A commit shuts out every exporter from before it. An increment with a record before this
    // manifest or one of its chunks was started before it, and will never be committed.
    Map<TopicPartition, Long> behind = new HashMap<>();
    behind.put(end.partition(), end.offset());
    for (PartitionRange range : manifest.getChunkRanges()) {
      behind.merge(
          new TopicPartition(config.topics().chunks(), range.getPartition()),
          range.getEndOffset(),
          Math::max);
    }
    for (Map.Entry<UUID, Open> other : List.copyOf(open.entrySet())) {
      if (other.getValue().first.entrySet().stream()
          .anyMatch(at -> at.getValue() < behind.getOrDefault(at.getKey(), 0L))) {
        drop(other.getKey());
      }
    }
  }

  private void apply(IncrementCommitted manifest, @Nullable SpillFile stage)
      throws IncrementException {
    if (stage == null) {
      throw new IncrementException(
          Code.MISSING,
          "increment %s of %s began before what is retained"
              .formatted(manifest.getIncrementId(), manifest.getVolume()));
    }
    stage.read(
        manifest,
        (chunk, content) ->
            sink.expect(manifest, chunk.getByteOffset(), chunk.getSizeBytes(), content));
    sink.begin(manifest);
    stage.read(
        manifest,
        (chunk, content) -> {
          if (content == null) {
            sink.zero(chunk.getByteOffset(), chunk.getSizeBytes());
          } else {
            sink.data(chunk.getByteOffset(), content.duplicate());
          }
        });
    sink.commit(manifest);
  }

  private void drop(UUID id) throws IOException {
    Open increment = open.remove(id);
    if (increment != null) {
      increment.stage.close();
    }
  }

  /** Keeps where to go on: in each partition at the first record that may still be needed. */
  private void remember() {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (TopicPartition partition : consumer.assignment()) {
      long oldest = consumer.position(partition);
      for (Open increment : open.values()) {
        oldest = Math.min(oldest, increment.first.getOrDefault(partition, oldest));
      }
      for (Ended end : ended) {
        oldest = end.partition().equals(partition) ? Math.min(oldest, end.offset()) : oldest;
      }
      offsets.put(partition, new OffsetAndMetadata(oldest));
    }
    try {
      consumer.commitSync(offsets);
    } catch (RetriableException e) {
      LOG.warn("{}: offset not kept, more will be read again: {}", config.volume(), e.toString());
    }
  }

  /** Makes {@link #run} return soon. */
  public void stop() {
    closed = true;
    consumer.wakeup();
  }

  @Override
  public void close() {
    closed = true;
    RecordReader.close(consumer);
    acceptance.close();
    for (Open increment : open.values()) {
      try {
        increment.stage.close();
      } catch (IOException e) {
        LOG.debug("temporary file not closed: {}", e.toString());
      }
    }
  }
}
