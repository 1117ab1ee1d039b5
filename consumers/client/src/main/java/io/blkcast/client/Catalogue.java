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
import java.util.Collection;
import java.util.Comparator;
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
import java.util.stream.IntStream;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The manifests of one volume, from the increments topic, committed ones only. A manifest is small
 * and the topic holds nothing else, so the whole of it is looked through at the start: no offset
 * need be remembered, and a topic that was made anew does no harm. Used by one thread.
 *
 * <p>All partitions are read. A volume's records are in the one that its key falls into, which is
 * another once partitions are added. So partitions that come to be are read too, and those that
 * hold older records before those that hold newer ones.
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
  private final Map<UUID, Place> firstSeen = new HashMap<>();
  private final Map<TopicPartition, Long> told = new HashMap<>();
  private final NavigableSet<String> others = new TreeSet<>();
  private @Nullable Suspect suspect;
  private Map<TopicPartition, Long> end = Map.of();

  /** Those that the key fell into with ever more partitions, in that order; then all others. */
  private List<TopicPartition> order = List.of();

  /** How many of these the key fell into. */
  private int homes;

  private record Place(int partition, long offset) {}

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
    int partitions = topics.partitions(consumer, topic).size();
    firstSeen.clear();
    suspect = null;
    assign(partitions);
    consumer.seekToBeginning(order);
    refreshEnd();
    while (!atEnd()) {
      poll(POLL).forEach(each);
    }
  }

  private void assign(int partitions) {
    Map<Integer, Integer> lastHome = new HashMap<>();
    for (int count = 1; count <= partitions; count++) {
      lastHome.put(Utils.toPositive(Utils.murmur2(key)) % count, count);
    }
    homes = lastHome.size();
    order =
        IntStream.range(0, partitions)
            .boxed()
            .sorted(Comparator.comparing(p -> lastHome.getOrDefault(p, Integer.MAX_VALUE)))
            .map(p -> new TopicPartition(topic, p))
            .toList();
    consumer.assign(order);
  }

  /** Where to begin: after what is applied, or at what is applied in part, or at a BASELINE. */
  Optional<Entry> start(IncrementSink.State state, FollowerConfig.From from) {
    Search search = new Search(state, from);
    scan(search::see);
    return search.result();
  }

  /** Begins with this manifest: what comes before it is left out, and all that comes after read. */
  void begin(Entry entry) {
    seek(entry);
    int at = order.indexOf(entry.partition());
    if (at + 1 < homes) {
      consumer.seekToBeginning(order.subList(at + 1, homes));
    }
  }

  /** The next manifest read of this one's partition will be this one. */
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
    olderFirst();
    try {
      for (ConsumerRecord<byte[], ByteBuffer> record : inOrder(consumer.poll(timeout))) {
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

  /** Until the end is reached, partitions are read one after the other. */
  private void olderFirst() {
    Optional<TopicPartition> behind = order.stream().filter(this::isBehind).findFirst();
    consumer.resume(behind.<Collection<TopicPartition>>map(Set::of).orElse(order));
    behind.ifPresent(
        first -> consumer.pause(order.stream().filter(other -> !other.equals(first)).toList()));
  }

  private boolean isBehind(TopicPartition partition) {
    return consumer.position(partition) < end.getOrDefault(partition, 0L);
  }

  private List<ConsumerRecord<byte[], ByteBuffer>> inOrder(
      ConsumerRecords<byte[], ByteBuffer> records) {
    return records.partitions().stream()
        .sorted(Comparator.comparing(order::indexOf))
        .flatMap(partition -> records.records(partition).stream())
        .toList();
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
    RecordReader.Decoded decoded = RecordReader.decode(codec, record.value());
    if (decoded instanceof RecordReader.Decoded.Unread unread) {
      String what = skip(partition, record.offset(), unread.why());
      if (unread.perhapsManifest()) {
        suspect = new Suspect(partition, record.offset(), what);
      }
      return Optional.empty();
    }
    SpecificRecord value = ((RecordReader.Decoded.Read) decoded).record();
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
    Place place = new Place(record.partition(), record.offset());
    Place first = firstSeen.putIfAbsent(manifest.getIncrementId(), place);
    if (first != null
        && (first.partition() != place.partition() || first.offset() < place.offset())) {
      skip(
          partition,
          record.offset(),
          "it is increment %s once more, which was read in partition %d at offset %d"
              .formatted(manifest.getIncrementId(), first.partition(), first.offset()));
      return Optional.empty();
    }
    return Optional.of(
        new Entry(manifest, RecordReader.copy(record.value()), partition, record.offset()));
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

  /**
   * Told of a manifest that is applied, or proved to stand on what is: nothing that counts can have
   * been lost before it.
   */
  void applied(Entry entry) {
    if (suspect != null
        && (suspect.partition().equals(entry.partition())
            ? suspect.offset() < entry.offset()
            : isOlder(suspect.partition(), entry.partition()))) {
      suspect = null;
    }
  }

  /** Whether all that the volume has in the one partition came before what it has in the other. */
  private boolean isOlder(TopicPartition one, TopicPartition other) {
    int at = order.indexOf(other);
    return at < homes && order.indexOf(one) < at;
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
    return end.keySet().stream().noneMatch(this::isBehind);
  }

  /** Asks the brokers for the end; an end within an open transaction is the transaction's start. */
  void refreshEnd() {
    int partitions = topics.partitions(consumer, topic).size();
    if (partitions > order.size()) {
      Set<TopicPartition> known = Set.copyOf(order);
      assign(partitions);
      consumer.seekToBeginning(order.stream().filter(p -> !known.contains(p)).toList());
    }
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
