package io.blkcast.kafka;

import io.blkcast.config.Redactor;
import io.blkcast.config.Suggestions;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;

/**
 * Everything under {@code kafka:}, passed to Kafka's clients untouched, so that TLS and SASL are
 * configured in Kafka's own words. Keys that start with {@code producer.}, {@code consumer.} or
 * {@code admin.} hold for that client alone and win over the common ones.
 *
 * @param properties as written, with the prefixes
 */
public record KafkaConfig(Map<String, String> properties) {

  private static final Map<String, ConfigDef> CLIENTS =
      Map.of(
          "producer.", ProducerConfig.configDef(),
          "consumer.", ConsumerConfig.configDef(),
          "admin.", AdminClientConfig.configDef());

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
    return properties.getOrDefault("bootstrap.servers", "");
  }

  /**
   * What is wrong with a property, as Kafka's own clients define theirs. A key that no client knows
   * and that is near none may be one of a plug-in's, and passes.
   *
   * @param key as written, with the prefix of a client or without
   * @return in words, without the key; empty where nothing is
   */
  public static Optional<String> problem(String key, String value) {
    String prefix = CLIENTS.keySet().stream().filter(key::startsWith).findFirst().orElse("");
    String name = key.substring(prefix.length());
    Collection<ConfigDef> definitions =
        prefix.isEmpty() ? CLIENTS.values() : List.of(CLIENTS.get(prefix));
    for (ConfigDef definition : definitions) {
      ConfigDef.ConfigKey known = definition.configKeys().get(name);
      if (known != null) {
        return problem(known, value);
      }
    }
    Set<String> names = new TreeSet<>();
    definitions.forEach(definition -> names.addAll(definition.names()));
    return Suggestions.nearest(name, names)
        .map(near -> "no client of Kafka knows it; did you mean '" + prefix + near + "'?");
  }

  private static Optional<String> problem(ConfigDef.ConfigKey key, String value) {
    try {
      Object parsed = ConfigDef.parseType(key.name, value, key.type);
      if (key.validator != null) {
        key.validator.ensureValid(key.name, parsed);
      }
      return Optional.empty();
    } catch (ConfigException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
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
