package io.blkcast.exporter.publish;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.kafka.KafkaErrors;
import io.blkcast.schema.Signal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;
import org.slf4j.MarkerFactory;

/**
 * Reads the signals topic in a thread of its own, in the order of offsets and each record once: at
 * the very first start from what is sent since that start, later from where it ended. When a signal
 * was asked for by its own account does not matter. Its key has to be its volume. Brokers and a
 * schema registry that are away are waited for; a record that is none of ours is passed over.
 *
 * <p>Nothing that a record does ends the thread; should it end all the same, {@link #check} starts
 * it again.
 */
public final class SignalListener implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SignalListener.class);

  /** Lines that anyone who may signal can cause: the log's configuration bounds their number. */
  private static final Marker PEER = MarkerFactory.getMarker("PEER");

  private static final Duration POLL = Duration.ofSeconds(1);
  private static final Duration AGAIN = Duration.ofSeconds(2);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);
  private static final int CALL_LIMIT_MS = 20_000;

  /** Within which partitions that were added are met. */
  private static final int METADATA_AGE_MS = 10_000;

  private static final String UNHEARD = "not listening for signals yet";

  /** Brokers that are there answer sooner. */
  private static final Duration FIRST_TRY = Duration.ofSeconds(10);

  /** A healthy listener polls every second. */
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private final PublishSettings settings;
  private final RecordCodec codec;
  private final Instant since;
  private final Consumer<Signal> handler;
  private final SignalPositions positions;
  private final CountDownLatch closing = new CountDownLatch(1);
  private volatile @Nullable Thread thread;
  private volatile @Nullable KafkaConsumer<byte[], byte[]> consumer;
  private volatile @Nullable String failure = UNHEARD;
  private volatile long polledAt = System.nanoTime();

  /**
   * @param codec decodes the signals
   * @param since where nothing is remembered, signals that Kafka got before are not obeyed
   * @param file remembers up to where signals were obeyed
   * @param handler called from the listener's thread; must not block
   */
  public SignalListener(
      PublishSettings settings,
      RecordCodec codec,
      Instant since,
      Path file,
      Consumer<Signal> handler) {
    this.settings = settings;
    this.codec = codec;
    this.since = since;
    this.handler = handler;
    this.positions = SignalPositions.read(file);
  }

  /** Begins to listen. */
  public synchronized void start() {
    if (closing.getCount() > 0) {
      Thread fresh = new Thread(this::run, "blkcast-signals");
      fresh.setDaemon(true);
      thread = fresh;
      fresh.start();
    }
  }

  /**
   * Whether signals are listened for at this moment. A thread that has ended is started again.
   *
   * @throws BrokerException where they are not
   */
  public void check() throws BrokerException {
    Thread current = thread;
    if (closing.getCount() == 0 || current == null) {
      return;
    }
    if (!current.isAlive()) {
      start();
      throw new BrokerException(
          Code.RETRIABLE, "the thread that listens for signals has ended; it is started again");
    }
    String last = failure;
    if (UNHEARD.equals(last) && System.nanoTime() - polledAt < FIRST_TRY.toNanos()) {
      return;
    }
    if (last != null) {
      throw new BrokerException(Code.RETRIABLE, last);
    }
    long silent = System.nanoTime() - polledAt;
    if (silent > SILENCE.toNanos()) {
      throw new BrokerException(
          Code.RETRIABLE,
          "signals have not been listened for since "
              + Duration.ofNanos(silent).toSeconds()
              + " s");
    }
  }

  private void run() {
    while (closing.getCount() > 0) {
      try (KafkaConsumer<byte[], byte[]> fresh = new KafkaConsumer<>(properties())) {
        consumer = fresh;
        follow(fresh);
      } catch (WakeupException e) {
        LOG.debug("listening for signals ends");
      } catch (Throwable e) {
        // Whatever it is, the next try may be better; without this thread nobody obeys signals.
        failed("cannot listen for signals: " + KafkaErrors.words(e));
      } finally {
        consumer = null;
      }
      pause();
    }
  }

  private void failed(String message) {
    if (!message.equals(failure)) {
      LOG.warn("{}; tried again", message);
    }
    failure = message;
  }

  private void pause() {
    try {
      if (closing.await(AGAIN.toMillis(), TimeUnit.MILLISECONDS)) {
        LOG.debug("closed");
      }
    } catch (InterruptedException e) {
      closing.countDown();
    }
  }

  private Map<String, Object> properties() {
    Map<String, Object> map = new HashMap<>(settings.consumer());
    map.putIfAbsent("client.id", "blkcast-signals");
    map.putIfAbsent("default.api.timeout.ms", CALL_LIMIT_MS);
    map.putIfAbsent("metadata.max.age.ms", METADATA_AGE_MS);
    map.put("isolation.level", "read_committed");
    // A position that is gone is that of another topic of the same name: all there is new.
    map.put("auto.offset.reset", "earliest");
    map.put("enable.auto.commit", false);
    map.put("allow.auto.create.topics", false);
    map.put("key.deserializer", ByteArrayDeserializer.class);
    map.put("value.deserializer", ByteArrayDeserializer.class);
    return map;
  }

  private void follow(KafkaConsumer<byte[], byte[]> from) {
    List<TopicPartition> partitions =
        from.partitionsFor(settings.topics().signals()).stream()
            .map(info -> new TopicPartition(info.topic(), info.partition()))
            .toList();
    if (partitions.isEmpty()) {
      return;
    }
    from.assign(partitions);
    seek(from, partitions);
    while (closing.getCount() > 0) {
      ConsumerRecords<byte[], byte[]> found = from.poll(POLL);
      polledAt = System.nanoTime();
      for (ConsumerRecord<byte[], byte[]> entry : found) {
        hand(entry);
        positions.set(new TopicPartition(entry.topic(), entry.partition()), entry.offset() + 1);
      }
      if (!found.isEmpty()) {
        positions.save();
      }
      failure = null;
      if (from.partitionsFor(settings.topics().signals()).size() > partitions.size()) {
        LOG.info("{} has more partitions now; they are read too", settings.topics().signals());
        return;
      }
    }
  }

  private void seek(KafkaConsumer<byte[], byte[]> from, List<TopicPartition> partitions) {
    Map<TopicPartition, OffsetAndTimestamp> starts =
        from.offsetsForTimes(
            partitions.stream().collect(Collectors.toMap(p -> p, p -> since.toEpochMilli())));
    boolean veryFirst = partitions.stream().allMatch(p -> positions.get(p) < 0);
    for (TopicPartition partition : partitions) {
      long position = positions.get(partition);
      OffsetAndTimestamp start = starts.get(partition);
      if (position >= 0) {
        from.seek(partition, position);
      } else if (!veryFirst) {
        // It was added since, so all that it holds was sent since.
        from.seekToBeginning(List.of(partition));
      } else if (start != null) {
        from.seek(partition, start.offset());
      } else {
        from.seekToEnd(List.of(partition));
      }
      positions.set(partition, from.position(partition));
    }
    positions.save();
  }

  private void hand(ConsumerRecord<byte[], byte[]> entry) {
    String place = entry.topic() + "-" + entry.partition() + "@" + entry.offset();
    try {
      if (entry.value() == null
          || !(codec.decode(ByteBuffer.wrap(entry.value())) instanceof Signal signal)) {
        LOG.warn(PEER, "{} is no signal, passed over", place);
      } else if (!Arrays.equals(entry.key(), signal.getVolume().getBytes(StandardCharsets.UTF_8))) {
        LOG.warn(
            PEER,
            "{}: {} for volume {} is refused: its key is not the volume's name",
            place,
            signal.getAction(),
            signal.getVolume());
      } else {
        LOG.info(
            PEER,
            "{}: {} asked for by {}: {}",
            signal.getVolume(),
            signal.getAction(),
            signal.getRequestedBy(),
            signal.getReason());
        handler.accept(signal);
      }
    } catch (CodecException e) {
      if (e.code() == CodecException.Code.REGISTRY_UNAVAILABLE
          || e.code() == CodecException.Code.REGISTRY_DENIED) {
        // It may well be a signal: it is read again until the registry tells.
        throw e;
      }
      LOG.warn(PEER, "{} cannot be read, passed over: {}", place, e.getMessage());
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      // A record may be made to do that; it would do so again at every try.
      LOG.error(PEER, "{} cannot be obeyed, passed over", place, e);
    }
  }

  /** Ends the thread; waits for at most five seconds. Blocks. */
  @Override
  public void close() {
    closing.countDown();
    KafkaConsumer<byte[], byte[]> current = consumer;
    if (current != null) {
      current.wakeup();
    }
    Thread running = thread;
    try {
      if (running != null) {
        running.join(CLOSE_LIMIT.toMillis());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
