package io.blkcast.kafka;

import io.blkcast.config.Redactor;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Everything under {@code kafka:}, passed to Kafka's clients untouched, so that TLS and SASL are
 * configured in Kafka's own words. Keys that start with {@code producer.}, {@code consumer.} or
 * {@code admin.} hold for that client alone and win over the common ones.
 *
 * @param properties as written, with the prefixes
 */
public record KafkaConfig(Map<String, String> properties) {

  /** A broker on this machine, Kafka's own default port. */
  public static final String DEFAULT_BOOTSTRAP = "localhost:9092";

  public KafkaConfig {
    properties = Map.copyOf(properties);
  }

  /** Properties for producers. */
  public Map<String, Object> producer() {
    return client("producer.");
  }

  /** Properties for consumers. */
  public Map<String, Object> consumer() {
    return client("consumer.");
  }

  /** Properties for admin clients. */
  public Map<String, Object> admin() {
    return client("admin.");
  }

  /** Where the brokers are, for messages. */
  public String bootstrapServers() {
    return properties.getOrDefault("bootstrap.servers", DEFAULT_BOOTSTRAP);
  }

  private Map<String, Object> client(String prefix) {
    Map<String, Object> merged = new LinkedHashMap<>();
    merged.put("bootstrap.servers", bootstrapServers());
    properties.forEach(
        (key, value) -> {
          if (!key.startsWith("producer.")
              && !key.startsWith("consumer.")
              && !key.startsWith("admin.")) {
            merged.put(key, value);
          }
        });
    properties.forEach(
        (key, value) -> {
          if (key.startsWith(prefix)) {
            merged.put(key.substring(prefix.length()), value);
          }
        });
    return merged;
  }

  /** Without secrets. */
  @Override
  public String toString() {
    return Redactor.map(properties).toString();
  }
}
