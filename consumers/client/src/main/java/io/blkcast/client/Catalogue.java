package io.blkcast.client;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The manifests of one volume, from the increments topic, committed ones only. A manifest is small
 * and the topic holds nothing else, so the whole of it is looked through at the start: no offset
 * need be remembered, and a topic that was made anew does no harm. All partitions are read; a
 * volume's records are in one of them. Used by one thread.
 */
final class Catalogue {

  private static final Logger LOG = LoggerFactory.getLogger(Catalogue.class);
  private static final Duration POLL = Duration.ofMillis(500);

  private final org.apache.kafka.clients.consumer.Consumer<byte[], ByteBuffer> consumer;
  private final String topic;
  private final byte[] key;
  private final RecordCodec codec;
  private Map<TopicPartition, Long> end = Map.of();

  /**
   * A manifest and where it is.
   *
   * @param raw the record's value, copied out of what was fetched with it, as entries may be kept:
   *     the chain digest is over the bytes as written
   */
  record Entry(
      IncrementCommitted manifest, ByteBuffer raw, TopicPartition partition, long offset) {}

  Catalogue(
      org.apache.kafka.clients.consumer.Consumer<byte[], ByteBuffer> consumer,
      String topic,
      String volume,
      RecordCodec codec) {
    this.consumer = consumer;
    this.topic = topic;
    this.key = volume.getBytes(StandardCharsets.UTF_8);
    this.codec = codec;
  }

  /** Reads all that is committed at the moment, from the first retained manifest on. */
  void scan(Consumer<Entry> each) {
    List<PartitionInfo> partitions = consumer.partitionsFor(topic);
    if (partitions == null || partitions.isEmpty()) {
      throw new UnknownTopicOrPartitionException("there is no topic " + topic);
    }
    consumer.assign(
        partitions.stream()
            .map(info -> new TopicPartition(topic, info.partition()))
            .collect(Collectors.toSet()));
    consumer.seekToBeginning(consumer.assignment());
    refreshEnd();
    while (!atEnd()) {
      poll(POLL).forEach(each);
    }
  }

  /** Where to begin: after what is applied, or at what is applied in part, or at a BASELINE. */
  Optional<Entry> start(IncrementSink.State state, FollowerConfig.From from) {
    Search search = new Search(state, from);
    scan(search::see);
    return search.result();
  }

  /** The next manifest read will be this one. */
  void seek(Entry entry) {
    consumer.seek(entry.partition(), entry.offset());
  }

  /**
   * The manifests that came since the last call, waiting for the first as long as given. What comes
   * after one that cannot be read is left for the next call.
   *
   * @throws CodecException where the first cannot be read
   */
  List<Entry> poll(Duration timeout) {
    List<Entry> entries = new ArrayList<>();
    Set<TopicPartition> left = new HashSet<>();
    @Nullable CodecException failure = null;
    try {
      for (ConsumerRecord<byte[], ByteBuffer> record : consumer.poll(timeout)) {
        if (failure == null && Arrays.equals(record.key(), key)) {
          try {
            decode(record).ifPresent(entries::add);
          } catch (CodecException e) {
            failure = e;
          }
        }
        // To pass over a manifest only because it cannot be read would tear the chain.
        TopicPartition partition = new TopicPartition(topic, record.partition());
        if (failure != null && left.add(partition)) {
          consumer.seek(partition, record.offset());
        }
      }
    } catch (OffsetOutOfRangeException e) {
      // Retention took what was not read yet: what is left says by its parents what is missing.
      consumer.seekToBeginning(e.partitions());
    }
    if (failure != null && entries.isEmpty()) {
      throw failure;
    }
    return entries;
  }

  private Optional<Entry> decode(ConsumerRecord<byte[], ByteBuffer> record) {
    TopicPartition partition = new TopicPartition(topic, record.partition());
    try {
      return record.value() != null
              && codec.decode(record.value()) instanceof IncrementCommitted manifest
          ? Optional.of(
              new Entry(manifest, Records.copy(record.value()), partition, record.offset()))
          : Optional.empty();
    } catch (CodecException e) {
      if (e.code() != CodecException.Code.MALFORMED) {
        throw e;
      }
      LOG.warn("{} offset {} is no record of ours: {}", partition, record.offset(), e.getMessage());
      return Optional.empty();
    }
  }

  /** Whether all was read that was committed when the end was last asked for. */
  boolean atEnd() {
    return end.entrySet().stream().allMatch(e -> consumer.position(e.getKey()) >= e.getValue());
  }

  /** Asks the brokers for the end; an end within an open transaction is the transaction's start. */
  void refreshEnd() {
    end = consumer.endOffsets(consumer.assignment());
  }

  /** Finds where to start among all manifests. */
  private static final class Search {
    private final Optional<UUID> applied;
    private final Optional<UUID> applying;
    private final FollowerConfig.From from;
    private Optional<Entry> current = Optional.empty();
    private Optional<Entry> child = Optional.empty();
    private Optional<Entry> baseline = Optional.empty();
    private Optional<Entry> last = Optional.empty();

    Search(IncrementSink.State state, FollowerConfig.From from) {
      this.applied = state.applied().map(Position::incrementId);
      this.applying = state.applying().map(Position::incrementId);
      this.from = from;
    }

    void see(Entry entry) {
      last = Optional.of(entry);
      IncrementCommitted manifest = entry.manifest();
      UUID id = manifest.getIncrementId();
      if (applying.or(() -> applied).filter(id::equals).isPresent()) {
        current = Optional.of(entry);
      }
      if (child.isEmpty()
          && manifest.getParentIncrementId() != null
          && applied.filter(manifest.getParentIncrementId()::equals).isPresent()) {
        child = Optional.of(entry);
      }
      if (manifest.getKind() == IncrementKind.BASELINE
          && (baseline.isEmpty() || from == FollowerConfig.From.LATEST_BASELINE)) {
        baseline = Optional.of(entry);
      }
    }

    /**
     * The sink's own increment, else the one that stands on it, else a BASELINE, else whatever
     * there is: it will be refused, and a BASELINE asked for.
     */
    Optional<Entry> result() {
      return current.or(() -> child).or(() -> baseline).or(() -> last);
    }
  }
}
