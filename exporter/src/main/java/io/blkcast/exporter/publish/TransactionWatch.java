package io.blkcast.exporter.publish;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/**
 * Finds transactions that hang: as long as one is open on a partition, no consumer sees what was
 * committed behind it. One of ours takes milliseconds. For one thread at a time.
 */
final class TransactionWatch {

  /** As long the end of what consumers see may stand still before something that is written. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** Named at once: one transaction may hang on all partitions. */
  private static final int MOST = 3;

  private record Stand(long stable, long since) {}

  private final Map<TopicPartition, Stand> stands = new HashMap<>();

  /** What hangs, in words; empty where nothing does. */
  Optional<String> look(Admin admin, List<TopicPartition> partitions)
      throws ExecutionException, InterruptedException {
    Map<TopicPartition, Long> stable = ends(admin, partitions, IsolationLevel.READ_COMMITTED);
    Map<TopicPartition, Long> written = ends(admin, partitions, IsolationLevel.READ_UNCOMMITTED);
    stands.keySet().retainAll(partitions);
    long now = System.nanoTime();
    List<String> found = new ArrayList<>();
    for (TopicPartition partition : partitions) {
      long seen = stable.getOrDefault(partition, 0L);
      if (written.getOrDefault(partition, 0L) <= seen) {
        stands.remove(partition);
        continue;
      }
      Stand before = stands.get(partition);
      if (before == null || before.stable() != seen) {
        stands.put(partition, new Stand(seen, now));
      } else if (found.size() < MOST && now - before.since() >= PATIENCE.toNanos()) {
        found.add(describe(admin, partition, seen));
      }
    }
    return found.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", found));
  }

  private static Map<TopicPartition, Long> ends(
      Admin admin, List<TopicPartition> partitions, IsolationLevel level)
      throws ExecutionException, InterruptedException {
    Map<TopicPartition, OffsetSpec> latest =
        partitions.stream()
            .collect(Collectors.toMap(Function.identity(), p -> OffsetSpec.latest()));
    Map<TopicPartition, ListOffsetsResultInfo> ends =
        admin.listOffsets(latest, new ListOffsetsOptions(level)).all().get();
    return ends.entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, end -> end.getValue().offset()));
  }

  private static String describe(Admin admin, TopicPartition partition, long stable)
      throws InterruptedException {
    return "a transaction"
        + owner(admin, partition)
        + " hangs on "
        + partition
        + " at offset "
        + stable
        + ": consumers do not see what is committed behind it, until it ends or times out. End its"
        + " producer, or abort it: kafka-transactions abort --topic "
        + partition.topic()
        + " --partition "
        + partition.partition()
        + " --start-offset "
        + stable;
  }

  /** Who has it open, as far as the brokers tell this exporter. */
  private static String owner(Admin admin, TopicPartition partition) throws InterruptedException {
    try {
      Optional<ProducerState> oldest =
          admin
              .describeProducers(List.of(partition))
              .partitionResult(partition)
              .get()
              .activeProducers()
              .stream()
              .filter(producer -> producer.currentTransactionStartOffset().isPresent())
              .min(
                  (a, b) ->
                      Long.compare(
                          a.currentTransactionStartOffset().getAsLong(),
                          b.currentTransactionStartOffset().getAsLong()));
      if (oldest.isEmpty()) {
        return "";
      }
      long producer = oldest.get().producerId();
      String since = " since " + Instant.ofEpochMilli(oldest.get().lastTimestamp());
      return admin
          .listTransactions(new ListTransactionsOptions().filterProducerIds(Set.of(producer)))
          .all()
          .get()
          .stream()
          .findFirst()
          .map(TransactionListing::transactionalId)
          .map(id -> " of transactional.id " + id + since)
          .orElse(" of producer " + producer + since);
    } catch (ExecutionException | RuntimeException e) {
      // The rights for that are not among those an exporter needs.
      return "";
    }
  }
}
