package io.blkcast.client;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Asks brokers of topics, and tells soon when a topic is not there. */
final class Topics {

  /** Kafka's own limit is a minute, for which nobody would be told anything. */
  private static final Duration ANSWER = Duration.ofSeconds(4);

  private Topics() {}

  /**
   * @throws UnknownTopicOrPartitionException where there is no such topic
   */
  static List<PartitionInfo> partitions(Consumer<?, ?> consumer, String topic) {
    List<PartitionInfo> partitions = consumer.partitionsFor(topic, ANSWER);
    if (partitions == null || partitions.isEmpty()) {
      throw new UnknownTopicOrPartitionException(
          "topic %s does not exist: it was deleted, its exporter has not started yet, or topics.prefix is another one"
              .formatted(topic));
    }
    return partitions;
  }

  /**
   * Where partitions end, as the consumer's isolation level has it.
   *
   * @throws UnknownTopicOrPartitionException where there is no such topic any more
   */
  static Map<TopicPartition, Long> ends(
      Consumer<?, ?> consumer, String topic, Collection<TopicPartition> partitions) {
    try {
      return consumer.endOffsets(partitions, ANSWER);
    } catch (TimeoutException e) {
      partitions(consumer, topic);
      throw e;
    }
  }

  /** Where partitions begin; throws as {@link #ends}. */
  static Map<TopicPartition, Long> beginnings(
      Consumer<?, ?> consumer, String topic, Collection<TopicPartition> partitions) {
    try {
      return consumer.beginningOffsets(partitions, ANSWER);
    } catch (TimeoutException e) {
      partitions(consumer, topic);
      throw e;
    }
  }
}
