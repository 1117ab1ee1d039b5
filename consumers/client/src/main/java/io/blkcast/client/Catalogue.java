package io.blkcast.client;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
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

  /** Names of other volumes that are remembered, for a message. */
  private static final int OTHERS = 20;

  private static final int LONGEST_NAME = 200;

  private final org.apache.kafka.clients.consumer.Consumer<byte[], ByteBuffer> consumer;
  private final String topic;
  private final String volume;
  private final byte[] key;
  private final RecordCodec codec;
  private final Topics topics;
  private final Consumer<String> skipped;
  private final Map<UUID, Long> firstSeen = new HashMap<>();
  private final Map<TopicPartition, Long> told = new HashMap<>();
  private final NavigableSet<String> others = new TreeSet<>();
  private @Nullable Suspect suspect;
  private Map<TopicPartition, Long> end = Map.of();

  /** A record that cannot be read and may be a manifest of the volume. */
  private record Suspect(TopicPartition partition, long offset, String what) {}

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
      RecordCodec codec,
      Topics topics,
      Consumer<String> skipped) {
    this.consumer = consumer;
    this.topic = topic;
    this.volume = volume;
    this.key = volume.getBytes(StandardCharsets.UTF_8);
    this.codec = codec;
    this.topics = topics;
    this.skipped = skipped;
  }

  /** Reads all that is committed at the moment, from the first retained manifest on. */
  void scan(Consumer<Entry> each) {
    List<PartitionInfo> partitions = topics.partitions(consumer, topic);
    firstSeen.clear();
    suspect = null;
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
   * The manifests that came since the last call, waiting for the first as long as given; each once,
   * though it may have been published again. Records that cannot be read are left out. Where a
   * schema registry fails, what comes after is left for the next call.
   *
   * @throws CodecException where the registry fails for the first
   */
  List<Entry> poll(Duration timeout) {
    List<Entry> entries = new ArrayList<>();
    Set<TopicPartition> left = new HashSet<>();
    @Nullable CodecException failure = null;
    try {
      for (ConsumerRecord<byte[], ByteBuffer> record : consumer.poll(timeout)) {
        if (failure == null && isOurs(record)) {
          try {
            decode(record).ifPresent(entries::add);
          } catch (CodecException e) {
            failure = e;
          }
        }
        // To pass over a manifest only because the registry is away would tear the chain.
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

  private boolean isOurs(ConsumerRecord<byte[], ByteBuffer> record) {
    if (Arrays.equals(record.key(), key)) {
      return true;
    }
    if (record.key() != null && others.size() < OTHERS && record.key().length <= LONGEST_NAME) {
      String name = new String(record.key(), StandardCharsets.UTF_8);
      if (name.chars().noneMatch(Character::isISOControl)) {
        others.add(name);
      }
    }
    return false;
  }

  private Optional<Entry> decode(ConsumerRecord<byte[], ByteBuffer> record) {
    TopicPartition partition = new TopicPartition(topic, record.partition());
    Records.Decoded decoded = Records.decode(codec, record.value());
    if (decoded instanceof Records.Decoded.Unread unread) {
      String what = skip(partition, record.offset(), unread.why());
      if (unread.perhapsManifest()) {
        suspect = new Suspect(partition, record.offset(), what);
      }
      return Optional.empty();
    }
    SpecificRecord value = ((Records.Decoded.Read) decoded).record();
    if (!(value instanceof IncrementCommitted manifest)) {
      if (!(value instanceof IncrementAborted)) {
        skip(
            partition,
            record.offset(),
            "it is a " + value.getSchema().getName() + ", which does not belong there");
      }
      return Optional.empty();
    }
    if (!manifest.getVolume().equals(volume)) {
      skip(partition, record.offset(), "it is a manifest of another volume");
      return Optional.empty();
    }
    Long first = firstSeen.putIfAbsent(manifest.getIncrementId(), record.offset());
    if (first != null && first < record.offset()) {
      skip(
          partition,
          record.offset(),
          "it is increment %s once more, which was read at offset %d"
              .formatted(manifest.getIncrementId(), first));
      return Optional.empty();
    }
    return Optional.of(
        new Entry(manifest, Records.copy(record.value()), partition, record.offset()));
  }

  /** Says once of a record that it is left out. */
  private String skip(TopicPartition partition, long offset, String why) {
    String what =
        "the record of %s in %s at offset %d is left out: %s"
            .formatted(volume, partition, offset, why);
    if (told.getOrDefault(partition, -1L) < offset) {
      told.put(partition, offset);
      LOG.warn("{}", what);
      skipped.accept(what);
    }
    return what;
  }

  /** Told of a manifest that is applied: nothing that counts can have been lost before it. */
  void applied(Entry entry) {
    if (suspect != null
        && suspect.partition().equals(entry.partition())
        && suspect.offset() < entry.offset()) {
      suspect = null;
    }
  }

  /** A record after the last manifest applied that may be one as well, and cannot be read. */
  Optional<String> suspect() {
    return Optional.ofNullable(suspect).map(Suspect::what);
  }

  /** Whether no manifest of the volume was met. */
  boolean isEmpty() {
    return firstSeen.isEmpty();
  }

  /** Names of other volumes that were met, some of them. */
  NavigableSet<String> others() {
    return others;
  }

  /** Whether all was read that was committed when the end was last asked for. */
  boolean atEnd() {
    return end.entrySet().stream().allMatch(e -> consumer.position(e.getKey()) >= e.getValue());
  }

  /** Asks the brokers for the end; an end within an open transaction is the transaction's start. */
  void refreshEnd() {
    end = topics.ends(consumer, topic, consumer.assignment());
  }

  /** Where the partitions end, as of {@link #refreshEnd}. */
  Map<TopicPartition, Long> end() {
    return end;
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
        current = current.or(() -> Optional.of(entry));
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
