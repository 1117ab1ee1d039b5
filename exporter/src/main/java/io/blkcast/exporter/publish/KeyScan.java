package io.blkcast.exporter.publish;

import io.blkcast.exporter.publish.PublishException.Code;
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
import org.apache.kafka.common.TopicPartition;

/**
 * Reads the records of one key from every partition of a topic: the partition that a key falls into
 * changes when partitions are added, and a stranger may write to any of them.
 */
final class KeyScan {

  private static final Duration POLL = Duration.ofMillis(100);

  private final Admin admin;
  private final KafkaConsumer<byte[], byte[]> consumer;
  private final byte[] key;
  private final Duration limit;

  /**
   * @param consumer decides whether records of open and aborted transactions are seen
   * @param limit of one scan
   */
  KeyScan(Admin admin, KafkaConsumer<byte[], byte[]> consumer, byte[] key, Duration limit) {
    this.admin = admin;
    this.consumer = consumer;
    this.key = key;
    this.limit = limit;
  }

  /** The end of the topic as of now, without reading it. */
  static Place end(Admin admin, String topic) throws ExecutionException, InterruptedException {
    TopicDescription description = describe(admin, topic);
    return place(
        description,
        offsets(
            admin, partitions(description), OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED));
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
      throws PublishException, ExecutionException, InterruptedException {
    TopicDescription description = describe(admin, topic);
    List<TopicPartition> all = partitions(description);
    Map<TopicPartition, Long> ends = offsets(admin, all, OffsetSpec.latest(), upTo);
    Map<TopicPartition, Long> starts =
        offsets(admin, all, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED);
    Map<Integer, Long> known =
        from.filter(place -> place.topicId().equals(description.topicId().toString()))
            .map(Place::next)
            .orElse(Map.of());
    Map<TopicPartition, Long> behind = new HashMap<>();
    for (TopicPartition partition : all) {
      long start = starts.getOrDefault(partition, 0L);
      long end = ends.getOrDefault(partition, 0L);
      long next = known.getOrDefault(partition.partition(), start);
      long first =
          next > end && upTo == IsolationLevel.READ_UNCOMMITTED ? start : Math.max(next, start);
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
      throws PublishException {
    consumer.assign(from.keySet());
    from.forEach(consumer::seek);
    long deadline = System.nanoTime() + limit.toNanos();
    while (from.keySet().stream()
        .anyMatch(partition -> consumer.position(partition) < ends.getOrDefault(partition, 0L))) {
      if (System.nanoTime() > deadline) {
        throw new PublishException(
            Code.RETRIABLE,
            "reading "
                + topic
                + ": not at its end after "
                + limit.toSeconds()
                + " s; does a transaction hang?");
      }
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
        if (Arrays.equals(record.key(), key)) {
          found.accept(record);
        }
      }
    }
  }

  private static TopicDescription describe(Admin admin, String topic)
      throws ExecutionException, InterruptedException {
    return admin.describeTopics(List.of(topic)).topicNameValues().values().iterator().next().get();
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

  private static Map<TopicPartition, Long> offsets(
      Admin admin, List<TopicPartition> partitions, OffsetSpec which, IsolationLevel upTo)
      throws ExecutionException, InterruptedException {
    Map<TopicPartition, OffsetSpec> wanted =
        partitions.stream().collect(Collectors.toMap(Function.identity(), ignored -> which));
    Map<TopicPartition, ListOffsetsResultInfo> offsets =
        admin.listOffsets(wanted, new ListOffsetsOptions(upTo)).all().get();
    return offsets.entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, at -> at.getValue().offset()));
  }
}
