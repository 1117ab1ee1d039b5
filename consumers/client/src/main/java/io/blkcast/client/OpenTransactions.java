package io.blkcast.client;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;

/**
 * Notices transactions that others leave open: what was committed after their start cannot be read
 * before they end, while nothing else looks unusual. Used by one thread.
 */
final class OpenTransactions {

  private final Consumer<?, ?> uncommitted;
  private final String topic;
  private final Topics topics;
  private final Map<TopicPartition, Long> hidden = new HashMap<>();

  /**
   * @param uncommitted consumer with isolation level read_uncommitted
   */
  OpenTransactions(Consumer<?, ?> uncommitted, String topic, Topics topics) {
    this.topics = topics;
    this.uncommitted = uncommitted;
    this.topic = topic;
  }

  /**
   * Compares both ends. A transaction that ends in the meantime is no reason to wait for the next:
   * what counts is what was written when this was first asked.
   *
   * @param committed ends as a consumer with isolation level read_committed has them
   * @return where something is hidden, and after which offset
   */
  Optional<String> look(Map<TopicPartition, Long> committed) {
    if (hidden.isEmpty()) {
      topics
          .ends(uncommitted, topic, committed.keySet())
          .forEach(
              (partition, end) -> {
                if (end > committed.getOrDefault(partition, 0L)) {
                  hidden.put(partition, end);
                }
              });
    }
    hidden.entrySet().removeIf(e -> committed.getOrDefault(e.getKey(), 0L) >= e.getValue());
    return hidden.keySet().stream()
        .findFirst()
        .map(
            partition ->
                "a transaction that another producer left open in %s hides what was committed from offset %d on, until its time-out; kafka-transactions.sh find-hanging and abort end it"
                    .formatted(partition, committed.getOrDefault(partition, 0L)));
  }
}
