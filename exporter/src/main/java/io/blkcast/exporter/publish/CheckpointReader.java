package io.blkcast.exporter.publish;

import io.blkcast.codec.RecordCodec;
import io.blkcast.exporter.publish.PublishException.Code;
import io.blkcast.schema.Checkpoint;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Reads the last checkpoint of a volume back from the compacted topic.
 *
 * <p>Beside the checkpoint itself, a record's header names the exporter that wrote it, and so who
 * last took the volume over. Every partition is looked at, because the one that the key falls into
 * changes when partitions are added.
 */
final class CheckpointReader {

  /** Header of a checkpoint: which exporter wrote it, a UUID made at its start. */
  static final String OWNER_HEADER = "blkcast-owner";

  private static final Duration POLL = Duration.ofMillis(100);

  /** Longer than a transaction of another volume can hang before it. */
  private static final Duration LIMIT = Duration.ofSeconds(60);

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
   * @param value the checkpoint as it was written; null where the volume was taken over before
   *     anything was committed
   * @param checkpoint the same, decoded
   * @param owner exporter that wrote the record
   */
  record Last(byte @Nullable [] value, Optional<Checkpoint> checkpoint, Optional<String> owner) {

    static final Last NONE = new Last(null, Optional.empty(), Optional.empty());

    boolean isOwnedByAnother(String exporter) {
      return owner.isPresent() && !owner.get().equals(exporter);
    }
  }

  /**
   * Reads what is stable by now; a transaction under way hides what comes after it. Does not wait.
   */
  Last readStable() throws PublishException {
    return read(IsolationLevel.READ_COMMITTED);
  }

  /**
   * Reads everything, waiting for transactions under way: one of another volume must not hide a
   * checkpoint of ours that was committed behind it.
   */
  Last readAll() throws PublishException {
    return read(IsolationLevel.READ_UNCOMMITTED);
  }

  private Last read(IsolationLevel upTo) throws PublishException {
    String topic = settings.topics().checkpoints();
    String what = "reading the checkpoint of " + volume + " from " + topic;
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(ClientSettings.checkpointConsumer(settings, volume))) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .toList();
      Map<TopicPartition, Long> ends = ends(partitions, upTo);
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, ConsumerRecord<byte[], byte[]>> newest = new HashMap<>();
      long deadline = System.nanoTime() + LIMIT.toNanos();
      while (ends.entrySet().stream()
          .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        if (System.nanoTime() > deadline) {
          throw new PublishException(
              Code.RETRIABLE,
              what
                  + ": not at its end after "
                  + LIMIT.toSeconds()
                  + " s; does a transaction hang?");
        }
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
          if (Arrays.equals(record.key(), key)) {
            newest.put(new TopicPartition(topic, record.partition()), record);
          }
        }
      }
      return newest.values().stream()
          .max((a, b) -> Long.compare(a.timestamp(), b.timestamp()))
          .map(this::decode)
          .orElse(Last.NONE);
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      throw KafkaErrors.translate(what, e, settings.remedyOfDenial());
    }
  }

  private Map<TopicPartition, Long> ends(List<TopicPartition> partitions, IsolationLevel upTo)
      throws ExecutionException, InterruptedException {
    Map<TopicPartition, OffsetSpec> latest =
        partitions.stream()
            .collect(Collectors.toMap(Function.identity(), partition -> OffsetSpec.latest()));
    Map<TopicPartition, ListOffsetsResultInfo> ends =
        admin.listOffsets(latest, new ListOffsetsOptions(upTo)).all().get();
    return ends.entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, end -> end.getValue().offset()));
  }

  private Last decode(ConsumerRecord<byte[], byte[]> record) {
    byte @Nullable [] value = record.value();
    Header owner = record.headers().lastHeader(OWNER_HEADER);
    return new Last(
        value,
        value == null
            ? Optional.empty()
            : Optional.of((Checkpoint) codec.decode(ByteBuffer.wrap(value))),
        owner == null
            ? Optional.empty()
            : Optional.of(new String(owner.value(), StandardCharsets.US_ASCII)));
  }
}
