package io.blkcast.exporter.publish;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.Signal;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
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
 * Reads the signals topic in a thread of its own, from the exporter's start on: what was asked
 * before is old. Brokers and a schema registry that are away are waited for; a record that is none
 * of ours is passed over.
 */
public final class SignalListener implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SignalListener.class);

  /** Lines that anyone who may signal can cause: the log's configuration bounds their number. */
  private static final Marker PEER = MarkerFactory.getMarker("PEER");

  private static final Duration POLL = Duration.ofSeconds(1);
  private static final Duration AGAIN = Duration.ofSeconds(2);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final PublishSettings settings;
  private final RecordCodec codec;
  private final Instant since;
  private final Consumer<Signal> handler;
  private final Map<TopicPartition, Long> positions = new HashMap<>();
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;
  private volatile @Nullable KafkaConsumer<byte[], byte[]> consumer;

  /**
   * @param codec decodes the signals
   * @param since signals asked for before are ignored
   * @param handler called from the listener's thread; must not block
   */
  public SignalListener(
      PublishSettings settings, RecordCodec codec, Instant since, Consumer<Signal> handler) {
    this.settings = settings;
    this.codec = codec;
    this.since = since;
    this.handler = handler;
    this.thread = new Thread(this::run, "blkcast-signals");
    thread.setDaemon(true);
  }

  /** Begins to listen. */
  public void start() {
    thread.start();
  }

  private void run() {
    while (closing.getCount() > 0) {
      try (KafkaConsumer<byte[], byte[]> fresh = new KafkaConsumer<>(properties())) {
        consumer = fresh;
        follow(fresh);
      } catch (WakeupException e) {
        LOG.debug("listening for signals ends");
      } catch (RuntimeException e) {
        LOG.warn("cannot listen for signals, trying again: {}", e.toString());
      } finally {
        consumer = null;
      }
      pause();
    }
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
    map.put("isolation.level", "read_committed");
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
      for (ConsumerRecord<byte[], byte[]> entry : from.poll(POLL)) {
        hand(entry);
        positions.put(new TopicPartition(entry.topic(), entry.partition()), entry.offset() + 1);
      }
    }
  }

  private void seek(KafkaConsumer<byte[], byte[]> from, List<TopicPartition> partitions) {
    Map<TopicPartition, OffsetAndTimestamp> starts =
        from.offsetsForTimes(
            partitions.stream().collect(Collectors.toMap(p -> p, p -> since.toEpochMilli())));
    for (TopicPartition partition : partitions) {
      Long position = positions.get(partition);
      OffsetAndTimestamp start = starts.get(partition);
      if (position != null) {
        from.seek(partition, position);
      } else if (start != null) {
        from.seek(partition, start.offset());
      } else {
        from.seekToEnd(List.of(partition));
      }
      positions.put(partition, from.position(partition));
    }
  }

  private void hand(ConsumerRecord<byte[], byte[]> entry) {
    String place = entry.topic() + "-" + entry.partition() + "@" + entry.offset();
    try {
      if (entry.value() == null
          || !(codec.decode(ByteBuffer.wrap(entry.value())) instanceof Signal signal)) {
        LOG.warn(PEER, "{} is no signal, passed over", place);
      } else if (signal.getRequestedAt().isBefore(since)) {
        LOG.info(
            PEER,
            "signal {} at {} is older than this exporter, ignored",
            signal.getAction(),
            place);
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
    try {
      thread.join(CLOSE_LIMIT.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
