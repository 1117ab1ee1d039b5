package io.blkcast.cli;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * What a configuration file and the environment say, read as an exporter reads them: nested keys
 * joined with dots, lists with commas, values as they are written, and {@code BLKCAST_…} variables
 * over what the file has.
 */
final class Settings {

  private static final String KAFKA = "kafka.";
  private static final String KAFKA_VARIABLE = "BLKCAST_KAFKA_";

  private final Map<String, String> values = new LinkedHashMap<>();

  /**
   * @param yaml empty where there is no file
   * @throws IOException where it is not YAML
   */
  Settings(String yaml, Map<String, String> environment) throws IOException {
    try (JsonParser parser = new YAMLFactory().createParser(yaml)) {
      if (parser.nextToken() != null) {
        read(parser, "");
      }
    }
    environment.forEach(
        (variable, value) -> {
          if (variable.startsWith(KAFKA_VARIABLE)) {
            String property = variable.substring(KAFKA_VARIABLE.length());
            values.put(KAFKA + property.toLowerCase(Locale.ROOT).replace('_', '.'), value);
          }
        });
    overlay("topics.prefix", environment.get("BLKCAST_TOPICS_PREFIX"));
    overlay("schemaRegistry.url", environment.get("BLKCAST_SCHEMA_REGISTRY_URL"));
  }

  private void overlay(String key, @Nullable String value) {
    if (value != null) {
      values.put(key, value);
    }
  }

  private void read(JsonParser parser, String key) throws IOException {
    switch (parser.currentToken()) {
      case START_OBJECT -> {
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String child = parser.currentName();
          parser.nextToken();
          read(parser, key.isEmpty() ? child : key + "." + child);
        }
      }
      case START_ARRAY -> {
        StringJoiner items = new StringJoiner(",");
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          items.add(scalar(parser));
        }
        values.put(key, items.toString());
      }
      default -> values.put(key, scalar(parser));
    }
  }

  /** A value as written; nothing for a null, and for a list or section where a value should be. */
  private static String scalar(JsonParser parser) throws IOException {
    JsonToken token = parser.currentToken();
    parser.skipChildren();
    return token.isScalarValue() && token != JsonToken.VALUE_NULL ? parser.getText() : "";
  }

  /** All below {@code kafka}, without that word. */
  Map<String, String> kafka() {
    Map<String, String> kafka = new LinkedHashMap<>();
    values.forEach(
        (key, value) -> {
          if (key.startsWith(KAFKA)) {
            kafka.put(key.substring(KAFKA.length()), value);
          }
        });
    return kafka;
  }

  /** The value of a key, without blanks around it; empty where it is missing or blank. */
  Optional<String> value(String key) {
    return Optional.ofNullable(values.get(key)).map(String::strip).filter(v -> !v.isEmpty());
  }
}
