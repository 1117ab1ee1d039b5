package io.blkcast.client;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Asks brokers of topics, and tells soon when a topic is not there.
 *
 * @param attempts how often to ask brokers that do not answer in time
 */
record Topics(int attempts) {

  /** For who asks again anyway, and tells of it. */
  static final Topics IMPATIENT = new Topics(1);

  /** For who has one chance: a minute, as long as Kafka's own limit. */
  static final Topics PATIENT = new Topics(15);

  /** Kafka's own limit is a minute, for which nobody would be told anything. */
  private static final Duration ANSWER = Duration.ofSeconds(4);

  /**
   * @throws UnknownTopicOrPartitionException where there is no such topic
   * @throws TimeoutException where brokers do not answer
   */
  List<PartitionInfo> partitions(Consumer<?, ?> consumer, String topic) {
    return ask(() -> there(consumer, topic), () -> {});
  }

  private static List<PartitionInfo> there(Consumer<?, ?> consumer, String topic) {
    List<PartitionInfo> partitions = consumer.partitionsFor(topic, ANSWER);
    if (partitions == null || partitions.isEmpty()) {
      throw new UnknownTopicOrPartitionException(
          "topic %s does not exist: it was deleted, its exporter has not started yet, or topics.prefix is another one"
              .formatted(topic));
    }
    return partitions;
  }

  /**
   * Where partitions end, as the consumer's isolation level has it; throws as {@link #partitions}.
   */
  Map<TopicPartition, Long> ends(
      Consumer<?, ?> consumer, String topic, Collection<TopicPartition> partitions) {
    return ask(
        () -> consumer.endOffsets(partitions, ANSWER), () -> check(consumer, topic, partitions));
  }

  /** Where partitions begin; throws as {@link #partitions}. */
  Map<TopicPartition, Long> beginnings(
      Consumer<?, ?> consumer, String topic, Collection<TopicPartition> partitions) {
    return ask(
        () -> consumer.beginningOffsets(partitions, ANSWER),
        () -> check(consumer, topic, partitions));
  }

  private static void check(
      Consumer<?, ?> consumer, String topic, Collection<TopicPartition> partitions) {
    List<PartitionInfo> there = there(consumer, topic);
    for (TopicPartition partition : partitions) {
      if (there.stream().noneMatch(info -> info.partition() == partition.partition())) {
        throw new NoPartitionException(partition);
      }
    }
  }

  /** An answer; brokers that know of no such topic never give one, so that is looked at apart. */
  private <T> T ask(Supplier<T> question, Runnable check) {
    for (int attempt = 1; ; attempt++) {
      try {
        return question.get();
      } catch (TimeoutException e) {
        check.run();
        if (attempt >= attempts) {
          throw e;
        }
      }
    }
  }

  /** The topic is there and has no such partition: it was made anew. */
  static final class NoPartitionException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NoPartitionException(TopicPartition partition) {
      super("there is no partition " + partition);
    }
  }
}
