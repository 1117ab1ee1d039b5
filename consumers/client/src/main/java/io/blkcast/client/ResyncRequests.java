package io.blkcast.client;

import io.blkcast.schema.Signal;
import io.blkcast.schema.SignalAction;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
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
 * Asks a volume's exporter for a BASELINE, again from time to time until {@link #done}: an exporter
 * takes no notice of signals from before its own start. Used by one thread.
 */
final class ResyncRequests implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ResyncRequests.class);

  private final FollowerConfig config;
  private final InstantSource clock;
  private @Nullable Producer<byte[], byte[]> producer;
  private @Nullable Instant last;

  ResyncRequests(FollowerConfig config, InstantSource clock) {
    this.config = config;
    this.clock = clock;
  }

  /** Sends a request unless one was sent not long ago. Failure is logged, and tried again later. */
  void request(String reason, FollowerListener listener) {
    Instant now = clock.instant();
    if (last != null && Duration.between(last, now).compareTo(config.resyncRepeat()) < 0) {
      return;
    }
    last = now;
    Signal signal =
        Signal.newBuilder()
            .setVolume(config.volume())
            .setAction(SignalAction.RESYNC)
            .setRequestedBy(config.requestedBy())
            .setReason(reason)
            .setRequestedAt(now)
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
    last = null;
  }

  @Override
  public void close() {
    if (producer != null) {
      producer.close(Duration.ofSeconds(5));
    }
  }
}
