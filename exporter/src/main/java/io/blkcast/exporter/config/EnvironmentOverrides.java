package io.blkcast.exporter.config;

import io.blkcast.config.ConfigNode;
import io.blkcast.config.Suggestions;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Lays {@code BLKCAST_…} variables over a configuration: {@code BLKCAST_HTTP_LISTEN} is {@code
 * http.listen}, {@code BLKCAST_VOLUMES_0_CHUNK_SIZE} the first volume's {@code chunkSize}, and all
 * after {@code BLKCAST_KAFKA_} is a Kafka property with dots for underscores.
 */
final class EnvironmentOverrides {

  private static final String PREFIX = "BLKCAST_";

  /** Variables of ours that are no configuration keys. */
  private static final Set<String> OTHERS =
      Set.of(
          "CONFIG",
          "API",
          "TOKEN_FILE",
          "HEALTH_FILE",
          "OPTS",
          "JAVA_OPTS",
          "HOME",
          "VERSION",
          "LOG_LEVEL");

  private static final List<String> KEYS =
      List.of(
          "state",
          "topics.prefix",
          "topics.partitions",
          "topics.replicationFactor",
          "schemaRegistry.url",
          "nbd.listen",
          "nbd.socket",
          "http.listen",
          "http.tokens",
          "management.listen",
          "limits.inFlight",
          "limits.inFlightPerVolume",
          "limits.readers");

  private static final List<String> VOLUME_KEYS =
      List.of(
          "name",
          "source",
          "path",
          "device",
          "size",
          "differenceStorage.path",
          "differenceStorage.limit",
          "differenceStorage.growTo",
          "triggers.every",
          "triggers.changedBytes",
          "chunkSize",
          "blockSize",
          "compression",
          "partitions",
          "group");

  private EnvironmentOverrides() {}

  static void apply(
      ConfigNode.Mapping root, Map<String, String> environment, List<String> problems) {
    new TreeMap<>(environment)
        .forEach(
            (variable, value) -> {
              if (variable.startsWith(PREFIX)
                  && !OTHERS.contains(variable.substring(PREFIX.length()))) {
                lay(root, variable, value, problems);
              }
            });
  }

  private static void lay(
      ConfigNode.Mapping root, String variable, String value, List<String> problems) {
    String place = "environment variable " + variable;
    ConfigNode.Scalar scalar = new ConfigNode.Scalar(place, value);
    String rest = variable.substring(PREFIX.length());
    if (rest.startsWith("KAFKA_")) {
      String property = rest.substring("KAFKA_".length()).toLowerCase(Locale.ROOT);
      put(root, List.of("kafka", property.replace('_', '.')), scalar, problems);
      return;
    }
    if (rest.matches("VOLUMES_\\d+_.+")) {
      String[] parts = rest.split("_", 3);
      Optional<String> key = match(parts[2], VOLUME_KEYS);
      ConfigNode volumes = root.entries().get("volumes");
      BigInteger index = new BigInteger(parts[1]);
      if (key.isPresent()
          && volumes instanceof ConfigNode.Sequence list
          && index.compareTo(BigInteger.valueOf(list.items().size())) < 0
          && list.items().get(index.intValue()) instanceof ConfigNode.Mapping volume) {
        put(volume, List.of(key.get().split("\\.")), scalar, problems);
        return;
      }
      problems.add(
          key.isEmpty()
              ? place + ": unknown" + Suggestions.hint(parts[2], names(VOLUME_KEYS))
              : place + ": there is no volumes[" + index + "] in the file");
      return;
    }
    Optional<String> key = match(rest, KEYS);
    if (key.isPresent()) {
      put(root, List.of(key.get().split("\\.")), scalar, problems);
    } else {
      problems.add(place + ": unknown" + Suggestions.hint(rest, names(KEYS)));
    }
  }

  private static void put(
      ConfigNode.Mapping root, List<String> path, ConfigNode.Scalar value, List<String> problems) {
    ConfigNode.Mapping at = root;
    for (String key : path.subList(0, path.size() - 1)) {
      ConfigNode child =
          at.entries()
              .compute(
                  key,
                  (k, old) ->
                      old == null || old instanceof ConfigNode.Scalar s && s.text().isBlank()
                          ? new ConfigNode.Mapping(value.place(), new LinkedHashMap<>())
                          : old);
      if (!(child instanceof ConfigNode.Mapping mapping)) {
        problems.add(child.place() + ": " + key + ": expected a section, found " + child.kind());
        return;
      }
      at = mapping;
    }
    at.entries().put(path.get(path.size() - 1), value);
  }

  private static Optional<String> match(String variable, List<String> keys) {
    return keys.stream().filter(key -> name(key).equals(variable)).findFirst();
  }

  /** {@code topics.replicationFactor} is {@code TOPICS_REPLICATION_FACTOR}. */
  private static String name(String key) {
    return key.replaceAll("([a-z])([A-Z])", "$1_$2").replace('.', '_').toUpperCase(Locale.ROOT);
  }

  private static List<String> names(List<String> keys) {
    List<String> names = new ArrayList<>();
    keys.forEach(key -> names.add(name(key)));
    return names;
  }
}
