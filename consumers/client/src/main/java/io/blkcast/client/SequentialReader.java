package io.blkcast.client;

import io.blkcast.client.IncrementException.Code;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementStarted;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
 * Reads the chunks topic alone, from front to back, as any consumer may: stages what follows {@code
 * IncrementStarted} and applies it at {@code IncrementCommitted}. For volumes that are not striped;
 * {@link Follower} is the better way wherever the increments topic can be read.
 *
 * <p>Records carry their increment's id, so those of an exporter that was shut out and writes on do
 * no harm: they are staged apart, and dropped as soon as any increment commits, after which theirs
 * never can. Where to go on is kept as the group's offset in Kafka; it never passes the start of an
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

  /** An increment that has started and not ended. */
  private record Open(TopicPartition partition, long startedAt, Stage stage) {}

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
      consumer.assign(
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .collect(Collectors.toSet()));
      while (!closed) {
        sink.inspect();
        for (ConsumerRecord<byte[], ByteBuffer> record : consumer.poll(POLL)) {
          if (Arrays.equals(record.key(), key)) {
            take(record);
          }
        }
        if (atEnd()) {
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

  private boolean atEnd() {
    try {
      return consumer.endOffsets(consumer.assignment()).entrySet().stream()
          .allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
    } catch (RetriableException e) {
      return false;
    }
  }

  private void take(ConsumerRecord<byte[], ByteBuffer> record)
      throws IOException, IncrementException {
    SpecificRecord value = Records.decodeOrNull(config.codec(), record.value());
    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
    if (value instanceof IncrementStarted started) {
      drop(started.getIncrementId());
      open.put(
          started.getIncrementId(),
          new Open(partition, record.offset(), new Stage(stageDir, config.codec())));
    } else if (value instanceof DataChunk chunk) {
      Open increment = open.get(chunk.getIncrementId());
      if (increment != null) {
        increment.stage().add(record.value());
      }
    } else if (value instanceof IncrementAborted aborted) {
      drop(aborted.getIncrementId());
    } else if (value instanceof IncrementCommitted manifest) {
      commit(manifest, record);
      remember(partition, record.offset() + 1);
    }
  }

  private void commit(IncrementCommitted manifest, ConsumerRecord<byte[], ByteBuffer> record)
      throws IncrementException, IOException {
    Open increment = open.get(manifest.getIncrementId());
    acceptance.offer(manifest, record.value(), () -> apply(manifest, increment));
    // A commit shuts out every exporter from before it: what they left open stays open for ever.
    for (UUID id : List.copyOf(open.keySet())) {
      drop(id);
    }
  }

  private void apply(IncrementCommitted manifest, @Nullable Open increment)
      throws IncrementException {
    if (increment == null) {
      throw new IncrementException(
          Code.MISSING,
          "increment %s of %s began before what is retained"
              .formatted(manifest.getIncrementId(), manifest.getVolume()));
    }
    increment
        .stage()
        .read(
            manifest,
            (chunk, content) ->
                sink.expect(manifest, chunk.getByteOffset(), chunk.getSizeBytes(), content));
    sink.begin(manifest);
    increment
        .stage()
        .read(
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
      increment.stage().close();
    }
  }

  private void remember(TopicPartition partition, long offset) {
    long oldest =
        open.values().stream()
            .filter(increment -> increment.partition().equals(partition))
            .mapToLong(Open::startedAt)
            .min()
            .orElse(offset);
    try {
      consumer.commitSync(Map.of(partition, new OffsetAndMetadata(oldest)));
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
    Records.close(consumer);
    acceptance.close();
    for (Open increment : open.values()) {
      try {
        increment.stage().close();
      } catch (IOException e) {
        LOG.debug("temporary file not closed: {}", e.toString());
      }
    }
  }
}
