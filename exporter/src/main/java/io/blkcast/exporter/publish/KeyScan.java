package io.blkcast.exporter.publish;

import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Reads the records of one key from every partition of a topic: the partition that a key falls into
 * changes when partitions are added, and a stranger may write to any of them.
 */
final class KeyScan {

  private static final Duration POLL = Duration.ofMillis(100);

  /** Not every broker knows at once of a topic that was just made. */
  private static final Duration UNSETTLED = Duration.ofSeconds(2);

  private final Admin admin;
  private final KafkaConsumer<byte[], byte[]> consumer;
  private final byte[] key;
  private final Duration patience;
  private final Duration limit;

  /**
   * @param consumer decides whether records of open and aborted transactions are seen
   * @param patience how long a scan may stand still
   * @param limit of one scan, however it goes on
   */
  KeyScan(
      Admin admin,
      KafkaConsumer<byte[], byte[]> consumer,
      byte[] key,
      Duration patience,
      Duration limit) {
    this.admin = admin;
    this.consumer = consumer;
    this.key = key;
    this.patience = patience;
    this.limit = limit;
  }

  /** The end of the topic as of now, without reading it. */
  static Place end(Admin admin, String topic) throws ExecutionException, InterruptedException {
    TopicDescription description = describe(admin, topic);
    return place(
        description,
        offsets(
            ask(
                admin,
                partitions(description),
                OffsetSpec.latest(),
                IsolationLevel.READ_UNCOMMITTED)));
  }

  /**
   * Hands on what there is from a place to the end as of now.
   *
   * @param from empty for the beginning; also where it is of a topic that was deleted since, and in
   *     partitions that it does not know or that end before it
   * @param upTo with {@code READ_COMMITTED} the scan ends before the first open transaction, else
   *     it waits for those, if the consumer hides them
   * @return where the scan ended
   */
  Place scan(
      String topic,
      Optional<Place> from,
      IsolationLevel upTo,
      Consumer<ConsumerRecord<byte[], byte[]>> found)
      throws BrokerException, ExecutionException, InterruptedException {
    TopicDescription description = describe(admin, topic);
    List<TopicPartition> all = partitions(description);
    // Asked at once: each answer takes a round trip or two, and a commit waits for them.
    KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> reached =
        ask(admin, all, OffsetSpec.latest(), upTo);
    KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> latest =
        upTo == IsolationLevel.READ_UNCOMMITTED
            ? reached
            : ask(admin, all, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
    Map<TopicPartition, Long> starts =
        offsets(ask(admin, all, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED));
    Map<TopicPartition, Long> ends = offsets(reached);
    Map<TopicPartition, Long> written = offsets(latest);
    Map<Integer, Long> known =
        from.filter(place -> place.topicId().equals(description.topicId().toString()))
            .map(Place::next)
            .orElse(Map.of());
    Map<TopicPartition, Long> behind = new HashMap<>();
    for (TopicPartition partition : all) {
      long start = starts.getOrDefault(partition, 0L);
      long end = ends.getOrDefault(partition, 0L);
      long next = known.getOrDefault(partition.partition(), start);
      boolean cut = next > written.getOrDefault(partition, 0L);
      long first = cut ? start : Math.max(next, start);
      if (first < end) {
        behind.put(partition, first);
      }
    }
    if (!behind.isEmpty()) {
      read(topic, behind, ends, found);
    }
    return place(description, ends);
  }

  private void read(
      String topic,
      Map<TopicPartition, Long> from,
      Map<TopicPartition, Long> ends,
      Consumer<ConsumerRecord<byte[], byte[]>> found)
      throws BrokerException {
    consumer.assign(from.keySet());
    from.forEach(consumer::seek);
    long begun = System.nanoTime();
    long moved = begun;
    Map<TopicPartition, Long> before = from;
    while (before.entrySet().stream()
        .anyMatch(at -> at.getValue() < ends.getOrDefault(at.getKey(), 0L))) {
      long now = System.nanoTime();
      if (now - moved > patience.toNanos() || now - begun > limit.toNanos()) {
        throw new BrokerException(
            Code.RETRIABLE,
            "reading "
                + topic
                + ": not at its end after "
                + Duration.ofNanos(now - begun).toSeconds()
                + " s; does a transaction hang?");
      }
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
        if (Arrays.equals(record.key(), key)) {
          found.accept(record);
        }
      }
      Map<TopicPartition, Long> reached =
          from.keySet().stream().collect(Collectors.toMap(Function.identity(), consumer::position));
      if (!reached.equals(before)) {
        moved = System.nanoTime();
      }
      before = reached;
    }
  }

  private static TopicDescription describe(Admin admin, String topic)
      throws ExecutionException, InterruptedException {
    long begun = System.nanoTime();
    while (true) {
      try {
        return admin
            .describeTopics(List.of(topic))
            .topicNameValues()
            .values()
            .iterator()
            .next()
            .get();
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)
            || System.nanoTime() - begun > UNSETTLED.toNanos()) {
          throw e;
        }
        Thread.sleep(POLL.toMillis());
      }
    }
  }

  private static List<TopicPartition> partitions(TopicDescription description) {
    return description.partitions().stream()
        .map(info -> new TopicPartition(description.name(), info.partition()))
        .toList();
  }

  private static Place place(TopicDescription description, Map<TopicPartition, Long> offsets) {
    return new Place(
        description.topicId().toString(),
        offsets.entrySet().stream()
            .collect(Collectors.toMap(at -> at.getKey().partition(), Map.Entry::getValue)));
  }

  private static KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> ask(
      Admin admin, List<TopicPartition> partitions, OffsetSpec which, IsolationLevel upTo) {
    Map<TopicPartition, OffsetSpec> wanted =
        partitions.stream().collect(Collectors.toMap(Function.identity(), ignored -> which));
    return admin.listOffsets(wanted, new ListOffsetsOptions(upTo)).all();
  }

  private static Map<TopicPartition, Long> offsets(
      KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> answer)
      throws ExecutionException, InterruptedException {
    return answer.get().entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, at -> at.getValue().offset()));
  }
}
