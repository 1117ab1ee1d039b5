package io.blkcast.exporter.publish;

import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.kafka.TopicSpec;
import io.blkcast.kafka.access.Role;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Settings of Kafka's clients: what the operator gave, under what publishing rests on, over
 * defaults that suit large records.
 */
final class ClientSettings {

  private static final int DEFAULT_MAX_REQUEST = 1 << 20;
  private static final int BULK_MEMORY = 64 << 20;
  private static final int BULK_LINGER_MS = 5;

  /**
   * A transaction is three records, 11 ms. Whatever hangs longer blocks every reader of the
   * catalogue, and is given up soon.
   */
  private static final int TRANSACTION_TIMEOUT_MS = 15_000;

  private static final int TRANSACTION_DELIVERY_MS = 12_000;
  private static final int TRANSACTION_REQUEST_MS = 6_000;
  private static final int TRANSACTION_BLOCK_MS = 30_000;
  private static final int TRANSACTION_MEMORY = 4 << 20;

  /** Opening a volume is tried again and again; a single try need not wait a minute. */
  private static final int CALL_LIMIT_MS = 20_000;

  private static final int CALL_REQUEST_MS = 10_000;

  /** What the promises of publishing hang on. */
  private static final Set<String> PRODUCER_FIXED =
      Set.of(
          "acks",
          "enable.idempotence",
          "transactional.id",
          "key.serializer",
          "value.serializer",
          "partitioner.class");

  private static final Set<String> CONSUMER_FIXED =
      Set.of("isolation.level", "key.deserializer", "value.deserializer", "group.id");

  private static final Set<String> BULK_ONLY =
      Set.of("batch.size", "buffer.memory", "linger.ms", "compression.type");

  private static final Set<String> TIMEOUTS = Set.of("delivery.timeout.ms", "request.timeout.ms");

  private static final Set<String> CALL_TIMEOUTS =
      Set.of("default.api.timeout.ms", "request.timeout.ms");

  private ClientSettings() {}

  /**
   * The producer of extents, chunks and events: idempotent, never in a transaction.
   *
   * @param maxChunkBytes most plain bytes of a chunk of any volume
   */
  static Map<String, Object> bulk(PublishSettings settings, int maxChunkBytes)
      throws BrokerException {
    refuse("kafka.producer", settings.producer(), PRODUCER_FIXED);
    int record = maxChunkBytes + TopicSpec.RECORD_OVERHEAD;
    Map<String, Object> map = new HashMap<>();
    map.put("client.id", "blkcast-exporter");
    // A record that does not fit a batch gets memory of its own, at half the throughput.
    map.put("batch.size", record);
    map.put("linger.ms", BULK_LINGER_MS);
    map.put("buffer.memory", Math.max(BULK_MEMORY, 8 * record));
    map.put("max.request.size", Math.max(DEFAULT_MAX_REQUEST, record));
    map.putAll(settings.producer());
    return producer(map);
  }

  /** The producer that commits the increments of one volume, and fences. */
  static Map<String, Object> transactional(PublishSettings settings, String volume) {
    Map<String, Object> map = new HashMap<>();
    map.put("client.id", "blkcast-commit-" + volume);
    map.put("linger.ms", 0);
    map.put("buffer.memory", TRANSACTION_MEMORY);
    map.put("max.block.ms", TRANSACTION_BLOCK_MS);
    map.put("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
    if (settings.producer().keySet().stream().noneMatch(TIMEOUTS::contains)) {
      map.put("delivery.timeout.ms", TRANSACTION_DELIVERY_MS);
      map.put("request.timeout.ms", TRANSACTION_REQUEST_MS);
    }
    settings
        .producer()
        .forEach(
            (key, value) -> {
              if (!BULK_ONLY.contains(key)) {
                map.put(key, value);
              }
            });
    map.put("transactional.id", Role.transactionalId(settings.topics(), volume));
    return producer(map);
  }

  private static Map<String, Object> producer(Map<String, Object> map) {
    map.put("acks", "all");
    map.put("enable.idempotence", true);
    map.put("key.serializer", ByteArraySerializer.class);
    map.put("value.serializer", ByteArraySerializer.class);
    return map;
  }

  /** The consumer that reads a checkpoint back. */
  static Map<String, Object> checkpointConsumer(PublishSettings settings, String volume)
      throws BrokerException {
    refuse("kafka.consumer", settings.consumer(), CONSUMER_FIXED);
    Map<String, Object> map = calls(settings.consumer());
    map.putIfAbsent("client.id", "blkcast-checkpoint-" + volume);
    map.put("isolation.level", "read_committed");
    // Where retention has deleted what was to be read, the rest is read.
    map.put("auto.offset.reset", "earliest");
    map.put("enable.auto.commit", false);
    map.put("allow.auto.create.topics", false);
    map.put("key.deserializer", ByteArrayDeserializer.class);
    map.put("value.deserializer", ByteArrayDeserializer.class);
    return map;
  }

  /**
   * Whether Kafka's clients take what the operator gave, without asking any broker.
   *
   * @throws BrokerException {@code MISCONFIGURED} where they do not
   */
  static void check(PublishSettings settings) throws BrokerException {
    Map<String, Object> bulk = bulk(settings, 1);
    Map<String, Object> consumer = checkpointConsumer(settings, "check");
    try {
      var unused =
          List.of(
              new ProducerConfig(bulk),
              new ConsumerConfig(consumer),
              new AdminClientConfig(admin(settings)));
    } catch (ConfigException e) {
      throw new BrokerException(Code.MISCONFIGURED, "kafka: " + e.getMessage(), e);
    }
  }

  /** The admin client. */
  static Map<String, Object> admin(PublishSettings settings) {
    return calls(settings.admin());
  }

  private static Map<String, Object> calls(Map<String, Object> given) {
    Map<String, Object> map = new HashMap<>();
    if (given.keySet().stream().noneMatch(CALL_TIMEOUTS::contains)) {
      map.put("default.api.timeout.ms", CALL_LIMIT_MS);
      map.put("request.timeout.ms", CALL_REQUEST_MS);
    }
    map.putAll(given);
    return map;
  }

  private static void refuse(String where, Map<String, Object> given, Set<String> fixed)
      throws BrokerException {
    for (String key : given.keySet()) {
      if (fixed.contains(key)) {
        throw new BrokerException(
            Code.MISCONFIGURED,
            where + "." + key + " cannot be set: what blkcast promises rests on it; remove it");
      }
    }
  }
}
