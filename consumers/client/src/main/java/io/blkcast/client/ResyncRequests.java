package io.blkcast.client;

import io.blkcast.schema.Signal;
import io.blkcast.schema.SignalAction;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks a volume's exporter for a BASELINE, again from time to time until {@link #done}: a request
 * may be lost, and the very first start of an exporter skips those sent before it. The time between
 * two doubles each time, as a BASELINE that cannot be applied either costs a whole volume. Used by
 * one thread.
 */
final class ResyncRequests implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ResyncRequests.class);

  /** So the longest time between two is 16 times the configured one. */
  private static final int DOUBLINGS = 4;

  private final FollowerConfig config;
  private final InstantSource clock;
  private @Nullable Producer<byte[], byte[]> producer;
  private final LongSupplier nanos;
  private long last;
  private int sent;

  /**
   * @param nanos a clock that nobody sets, for the time between requests
   */
  ResyncRequests(FollowerConfig config, InstantSource clock, LongSupplier nanos) {
    this.config = config;
    this.clock = clock;
    this.nanos = nanos;
  }

  /** Sends a request unless one was sent not long ago. Failure is logged, and tried again later. */
  void request(String reason, FollowerListener listener) {
    long now = nanos.getAsLong();
    if (sent > 0 && now - last < config.resyncRepeat().toNanos() << Math.min(sent - 1, DOUBLINGS)) {
      return;
    }
    last = now;
    sent++;
    Signal signal =
        Signal.newBuilder()
            .setVolume(config.volume())
            .setAction(SignalAction.RESYNC)
            .setRequestedBy(config.requestedBy())
            .setReason(reason)
            .setRequestedAt(clock.instant())
            .build();
    String topic = config.topics().signals();
    try {
      producer()
          .send(
              new ProducerRecord<>(
                  topic,
                  config.volume().getBytes(StandardCharsets.UTF_8),
                  config.codec().encode(topic, signal)),
              (metadata, failure) -> {
                if (failure != null) {
                  warn(topic, failure);
                }
              });
      listener.resyncRequested(reason);
    } catch (KafkaException e) {
      warn(topic, e);
    }
  }

  private void warn(String topic, Exception failure) {
    LOG.warn(
        "{}: no resync could be asked for over {}, ask for one by hand (blkcast resync): {}",
        config.volume(),
        topic,
        failure.toString());
  }

  private Producer<byte[], byte[]> producer() {
    if (producer == null) {
      Map<String, Object> settings = new HashMap<>();
      settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, 10_000);
      settings.putAll(config.producerSettings());
      producer =
          new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }
    return producer;
  }

  /** The BASELINE has come. */
  void done() {
    sent = 0;
  }

  @Override
  public void close() {
    if (producer != null) {
      producer.close(Duration.ofSeconds(5));
    }
  }
}
