package io.blkcast.exporter.publish;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import io.blkcast.exporter.publish.VolumePublisher.Known;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.KafkaErrors;
import io.blkcast.schema.Checkpoint;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what is committed of a volume when it is taken over: its last checkpoint from the compacted
 * topic, and what others have written under its key.
 *
 * <p>Every partition is looked at, because the one that the key falls into changes when partitions
 * are added. The record in the key's own partition is the last; only where that has none, one that
 * an earlier number of partitions has left elsewhere counts. Timestamps decide nothing.
 */
final class CheckpointReader {

  /** Header of a checkpoint: which exporter wrote it, a UUID made at its start. */
  static final String OWNER_HEADER = "blkcast-owner";

  private static final Logger LOG = LoggerFactory.getLogger(CheckpointReader.class);

  /** Longer than a transaction of another volume can hang before it. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** All that other volumes have committed since may have to be passed over. */
  private static final Duration LIMIT = Duration.ofDays(1);

  private final PublishSettings settings;
  private final Admin admin;
  private final RecordCodec codec;
  private final String volume;
  private final byte[] key;

  CheckpointReader(PublishSettings settings, Admin admin, RecordCodec codec, String volume) {
    this.settings = settings;
    this.admin = admin;
    this.codec = codec;
    this.volume = volume;
    this.key = volume.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * What a volume's last record says.
   *
   * @param value the checkpoint as it was written; null where there is none
   * @param digest SHA-256 over the value, in hex; empty without one
   * @param checkpoint the same, decoded; empty also where it cannot be
   * @param problem why there is a value but no checkpoint
   * @param end where the topic was read up to
   */
  record Last(
      byte @Nullable [] value,
      Optional<String> digest,
      Optional<Checkpoint> checkpoint,
      Optional<String> problem,
      Place end) {}

  Admin admin() {
    return admin;
  }

  /**
   * Reads the last checkpoint, waiting for transactions under way: one of another volume must not
   * hide a checkpoint of ours that was committed behind it.
   */
  Last last(Known known) throws BrokerException {
    String topic = settings.topics().checkpoints();
    Map<Integer, ConsumerRecord<byte[], byte[]>> newest = new HashMap<>();
    Place end =
        scan(
            topic,
            Optional.empty(),
            IsolationLevel.READ_UNCOMMITTED,
            record -> newest.put(record.partition(), record));
    try {
      ConsumerRecord<byte[], byte[]> home =
          newest.get(Utils.toPositive(Utils.murmur2(key)) % end.next().size());
      if (home != null) {
        return decode(home, end);
      }
      // Left by an earlier number of partitions; of several, the one that we know.
      return newest.values().stream()
          .map(record -> decode(record, end))
          .reduce((one, other) -> known.isOurs(other.digest()) ? other : one)
          .orElse(new Last(null, Optional.empty(), Optional.empty(), Optional.empty(), end));
    } catch (CodecException e) {
      throw KafkaErrors.translate(
          "reading the checkpoint of " + volume + " from " + topic, e, settings.remedyOfDenial());
    }
  }

  /**
   * Records under the volume's key in the checkpoints topic that are not ours.
   *
   * @param stable whether to read only what is stable by now; else waits for open transactions
   */
  List<Foreign> checkpoints(Place from, OwnRecords own, boolean stable) throws BrokerException {
    List<Foreign> foreign = new ArrayList<>();
    scan(
        settings.topics().checkpoints(),
        Optional.of(from),
        stable ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED,
        record -> {
          if (!own.contains(record) && foreign.size() < OwnRecords.MOST) {
            foreign.add(Foreign.of(record));
          }
        });
    return foreign;
  }

  /** What was found in the catalogue. */
  record Manifests(Optional<Foreign> foreign, Place end) {}

  /**
   * Looks for what others have committed under the volume's key in the increments topic. Waits for
   * transactions under way.
   *
   * @return empty where this exporter may not read the topic
   */
  Optional<Manifests> manifests(Known known, OwnRecords own) throws BrokerException {
    String topic = settings.topics().increments();
    List<Foreign> foreign = new ArrayList<>();
    try {
      Optional<Place> from = known.read();
      Place end =
          from.isEmpty()
              ? KeyScan.end(admin, topic)
              : scan(
                  topic,
                  from,
                  IsolationLevel.READ_UNCOMMITTED,
                  record -> {
                    if (foreign.isEmpty()
                        && !own.contains(record)
                        && !isOurs(record.value(), known)) {
                      foreign.add(Foreign.of(record));
                    }
                  });
      return Optional.of(new Manifests(foreign.stream().findFirst(), end));
    } catch (BrokerException e) {
      if (e.getCause() instanceof TopicAuthorizationException) {
        LOG.warn(
            "{}: forged increments are not noticed, because reading {} is denied{}",
            volume,
            topic,
            settings.remedyOfDenial());
        return Optional.empty();
      }
      throw e;
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      throw KafkaErrors.translate("reading " + topic, e, settings.remedyOfDenial());
    }
  }

  private boolean isOurs(byte @Nullable [] value, Known known) {
    return value != null
        && (known.isOurManifest(Link.digest(value)) || OwnRecords.endsAnAttempt(codec, value));
  }

  private Place scan(
      String topic,
      Optional<Place> from,
      IsolationLevel upTo,
      Consumer<ConsumerRecord<byte[], byte[]>> found)
      throws BrokerException {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(ClientSettings.checkpointConsumer(settings, volume))) {
      return new KeyScan(admin, consumer, key, PATIENCE, LIMIT).scan(topic, from, upTo, found);
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      throw KafkaErrors.translate(
          "reading the records of " + volume + " in " + topic, e, settings.remedyOfDenial());
    }
  }

  private Last decode(ConsumerRecord<byte[], byte[]> record, Place end) {
    byte[] value = record.value();
    if (value == null) {
      return new Last(null, Optional.empty(), Optional.empty(), Optional.empty(), end);
    }
    Optional<String> digest = Optional.of(Link.digest(value));
    String where = "the checkpoint at " + Foreign.of(record).where() + " ";
    try {
      SpecificRecordBase decoded = codec.decode(ByteBuffer.wrap(value));
      if (!(decoded instanceof Checkpoint checkpoint)) {
        return unreadable(value, digest, where + "is " + decoded.getSchema().getName(), end);
      }
      if (!checkpoint.getVolume().equals(volume)) {
        return unreadable(value, digest, where + "is of another volume", end);
      }
      return new Last(value, digest, Optional.of(checkpoint), Optional.empty(), end);
    } catch (CodecException e) {
      if (e.code() == CodecException.Code.REGISTRY_UNAVAILABLE
          || e.code() == CodecException.Code.REGISTRY_DENIED) {
        throw e;
      }
      return unreadable(value, digest, where + "cannot be read: " + e.getMessage(), end);
    } catch (RuntimeException | StackOverflowError e) {
      return unreadable(value, digest, where + "cannot be read: " + e, end);
    }
  }

  private static Last unreadable(byte[] value, Optional<String> digest, String problem, Place end) {
    return new Last(value, digest, Optional.empty(), Optional.of(problem), end);
  }
}
