package io.blkcast.exporter.publish;

import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.KafkaErrors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.jspecify.annotations.Nullable;

/**
 * Reads what came to a topic lately, right before a commit. One consumer serves all volumes, since
 * each needs it for some milliseconds only; a volume that finds it in use makes one for the moment,
 * so that none waits for another. Sees records of open transactions, and waits for none.
 * Thread-safe.
 */
final class TailReader implements AutoCloseable {

  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final PublishSettings settings;
  private final ReentrantLock lock = new ReentrantLock();
  private @Nullable KafkaConsumer<byte[], byte[]> shared;

  TailReader(PublishSettings settings) {
    this.settings = settings;
  }

  /** What was found, and where the topic was read up to. */
  record Tail(List<Foreign> foreign, Place end) {}

  /**
   * Reads the records of a key that came since.
   *
   * @param ours records to pass over
   */
  Tail read(
      Admin admin,
      String topic,
      byte[] key,
      Place from,
      Predicate<ConsumerRecord<byte[], byte[]>> ours)
      throws BrokerException {
    try {
      if (!lock.tryLock()) {
        try (KafkaConsumer<byte[], byte[]> own = consumer()) {
          return read(admin, own, topic, key, from, ours);
        }
      }
      try {
        KafkaConsumer<byte[], byte[]> consumer = shared == null ? consumer() : shared;
        // Kept only if it works: after a failure the next reading begins with a new one.
        shared = null;
        Tail tail;
        try {
          tail = read(admin, consumer, topic, key, from, ours);
        } catch (BrokerException | ExecutionException | InterruptedException | RuntimeException e) {
          consumer.close();
          throw e;
        }
        shared = consumer;
        return tail;
      } finally {
        lock.unlock();
      }
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      throw KafkaErrors.translate(
          "reading what came to " + topic + " since the last commit", e, settings.remedyOfDenial());
    }
  }

  private static Tail read(
      Admin admin,
      KafkaConsumer<byte[], byte[]> consumer,
      String topic,
      byte[] key,
      Place from,
      Predicate<ConsumerRecord<byte[], byte[]>> ours)
      throws BrokerException, ExecutionException, InterruptedException {
    List<Foreign> foreign = new ArrayList<>();
    Place end =
        new KeyScan(admin, consumer, key, LIMIT, LIMIT)
            .scan(
                topic,
                Optional.of(from),
                IsolationLevel.READ_UNCOMMITTED,
                record -> {
                  if (foreign.size() < OwnRecords.MOST && !ours.test(record)) {
                    foreign.add(Foreign.of(record));
                  }
                });
    return new Tail(foreign, end);
  }

  private KafkaConsumer<byte[], byte[]> consumer() throws BrokerException {
    Map<String, Object> map = new HashMap<>(ClientSettings.checkpointConsumer(settings, "tail"));
    map.put("isolation.level", "read_uncommitted");
    return new KafkaConsumer<>(map);
  }

  @Override
  public void close() {
    lock.lock();
    try {
      if (shared != null) {
        shared.close();
        shared = null;
      }
    } finally {
      lock.unlock();
    }
  }
}
