package io.blkcast.cli;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.blkcast.config.Suggestions;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds mistyped keys in a configuration file. An exporter's file serves as it is, so the sections
 * that only an exporter reads are known here, and left to it.
 */
final class KnownKeys {

  private static final String TOP = "";

  /** Keys by section. What is below other sections is not ours to judge. */
  private static final Map<String, Set<String>> KEYS =
      Map.of(
          TOP,
          Set.of(
              "kafka",
              "topics",
              "schemaRegistry",
              "state",
              "volumes",
              "hooks",
              "nbd",
              "http",
              "management",
              "limits"),
          "topics",
          Set.of("prefix", "partitions", "replicationFactor"),
          "schemaRegistry",
          Set.of("url"));

  private KnownKeys() {}

  /** One line for each key that is unknown, with its place and the nearest right one. */
  static List<String> faults(String file, String yaml) throws IOException {
    List<String> faults = new ArrayList<>();
    try (JsonParser parser = new YAMLFactory().createParser(yaml)) {
      int depth = 0;
      String section = TOP;
      for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
        if (token.isStructStart()) {
          depth++;
        } else if (token.isStructEnd()) {
          depth--;
        } else if (token == JsonToken.FIELD_NAME && depth <= 2) {
          String key = parser.currentName();
          section = depth == 1 ? key : section;
          fault(parser, file, depth == 1 ? TOP : section, key, faults);
        }
      }
    }
    return faults;
  }

  private static void fault(
      JsonParser parser, String file, String section, String key, List<String> faults) {
    @Nullable Set<String> known = KEYS.get(section);
    if (known != null && !known.contains(key)) {
      int line = parser.currentTokenLocation().getLineNr();
      String path = section.isEmpty() ? key : section + "." + key;
      faults.add(file + ":" + line + ": " + path + ": unknown key" + Suggestions.hint(key, known));
    }
  }
}
