package io.blkcast.exporter.publish;

import io.blkcast.codec.RecordCodec;
import io.blkcast.exporter.publish.Publishers.Connection;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.KafkaErrors;
import io.blkcast.schema.VolumeEvent;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/**
 * Publishes one volume to Kafka: bulk records through the producer that all volumes share, commits
 * through one of its own.
 */
final class KafkaVolumePublisher implements VolumePublisher {

  private final Publishers publishers;
  private final PublishSettings settings;
  private final VolumeSettings volume;
  private final RecordCodec codec;
  private final Clock clock;
  private final byte[] key;
  private final VolumeTransactions transactions;
  private @Nullable KafkaAttempt attempt;

  KafkaVolumePublisher(
      Publishers publishers,
      PublishSettings settings,
      VolumeSettings volume,
      RecordCodec codec,
      Clock clock) {
    this.publishers = publishers;
    this.settings = settings;
    this.volume = volume;
    this.codec = codec;
    this.clock = clock;
    this.key = volume.volume().getBytes(StandardCharsets.UTF_8);
    this.transactions = new VolumeTransactions(settings, publishers.tail(), codec, volume.volume());
  }

  @Override
  public Opened open(Known known) throws BrokerException {
    endAttempt("reopened", "the exporter opened the volume again");
    Connection connection = publishers.connection(volume);
    publishers.registerSchemas();
    return transactions.takeOver(reader(connection), known);
  }

  @Override
  public Attempt begin(Header header) throws BrokerException {
    if (!transactions.isReady()) {
      throw new IllegalStateException(
          "volume " + volume.volume() + " must be opened first, and again after a failed commit");
    }
    KafkaAttempt current = attempt;
    if (current != null && !current.isEnded()) {
      throw new IllegalStateException("volume " + volume.volume() + " has an attempt under way");
    }
    Connection connection = publishers.connection();
    attempt = null;
    KafkaAttempt next =
        new KafkaAttempt(
            connection.bulk(),
            transactions,
            reader(connection),
            settings,
            volume,
            codec,
            clock,
            header);
    attempt = next;
    return next;
  }

  @Override
  public CompletionStage<Void> event(VolumeEvent event) {
    CompletableFuture<Void> acknowledged = new CompletableFuture<>();
    String topic = settings.topics().events();
    try {
      publishers
          .connection()
          .bulk()
          .send(
              new ProducerRecord<>(topic, key, codec.encode(topic, event)),
              (metadata, failure) -> {
                if (failure == null) {
                  acknowledged.complete(null);
                } else {
                  acknowledged.completeExceptionally(
                      KafkaErrors.translate(
                          "event of volume " + volume.volume(),
                          failure,
                          settings.remedyOfDenial()));
                }
              });
    } catch (BrokerException | RuntimeException e) {
      acknowledged.completeExceptionally(
          KafkaErrors.translate(
              "event of volume " + volume.volume(), e, settings.remedyOfDenial()));
    }
    return acknowledged;
  }

  @Override
  public void close() {
    endAttempt("closed", "the exporter shut down");
    transactions.close();
  }

  private void endAttempt(String reason, String message) {
    KafkaAttempt current = attempt;
    attempt = null;
    if (current != null) {
      current.abort(reason, message);
    }
  }

  private CheckpointReader reader(Connection connection) {
    return new CheckpointReader(settings, connection.admin(), codec, volume.volume());
  }
}
