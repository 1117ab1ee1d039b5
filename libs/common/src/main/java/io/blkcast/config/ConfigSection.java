package io.blkcast.config;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * Reads one section of the configuration by key, notes faults instead of throwing so that all are
 * told at once, and at {@link #close} refuses keys nobody asked for.
 */
public final class ConfigSection implements AutoCloseable {

  private final ConfigNode.Mapping mapping;
  private final String path;
  private final List<String> problems;
  private final Set<String> known = new LinkedHashSet<>();

  public ConfigSection(ConfigNode.Mapping mapping, String path, List<String> problems) {
    this.mapping = mapping;
    this.path = path;
    this.problems = problems;
  }

  /** A value by key; the parser's IllegalArgumentException becomes a fault. */
  public <T> Optional<T> value(String key, Function<String, T> parser) {
    known.add(key);
    ConfigNode node = mapping.entries().get(key);
    if (node == null) {
      return Optional.empty();
    }
    if (!(node instanceof ConfigNode.Scalar scalar)) {
      fault(key, "expected a single value, found " + node.kind());
      return Optional.empty();
    }
    if (scalar.text().isBlank()) {
      return Optional.empty();
    }
    try {
      return Optional.of(parser.apply(scalar.text().strip()));
    } catch (IllegalArgumentException e) {
      fault(key, String.valueOf(e.getMessage()));
      return Optional.empty();
    }
  }

  /** As {@link #value}; missing is a fault, for which the stand-in is returned. */
  public <T> T required(String key, Function<String, T> parser, T standIn, String example) {
    boolean there =
        mapping.entries().get(key) instanceof ConfigNode.Scalar s && !s.text().isBlank()
            || mapping.entries().get(key) instanceof ConfigNode.Sequence
            || mapping.entries().get(key) instanceof ConfigNode.Mapping;
    if (!there) {
      fault(key, "missing; write for instance '" + key + ": " + example + "'");
    }
    return value(key, parser).orElse(standIn);
  }

  /** One of several words. */
  public <T> Optional<T> choice(String key, Map<String, T> choices) {
    return value(
        key,
        text -> {
          T chosen = choices.get(text);
          if (chosen == null) {
            throw new IllegalArgumentException(
                "'" + text + "' is unknown here" + Suggestions.hint(text, choices.keySet()));
          }
          return chosen;
        });
  }

  /** A section below; an empty one where the key is missing. */
  public ConfigSection section(String key) {
    known.add(key);
    ConfigNode node = mapping.entries().get(key);
    if (node instanceof ConfigNode.Mapping child) {
      return new ConfigSection(child, pathOf(key), problems);
    }
    if (node != null && !(node instanceof ConfigNode.Scalar scalar && scalar.text().isBlank())) {
      fault(key, "expected a section, found " + node.kind());
    }
    return new ConfigSection(
        new ConfigNode.Mapping(mapping.place(), new LinkedHashMap<>()), pathOf(key), problems);
  }

  /** The sections of a list, none where the key is missing. */
  public List<ConfigSection> sections(String key) {
    known.add(key);
    ConfigNode node = mapping.entries().get(key);
    List<ConfigSection> children = new ArrayList<>();
    if (node instanceof ConfigNode.Sequence sequence) {
      for (ConfigNode item : sequence.items()) {
        String childPath = pathOf(key) + "[" + children.size() + "]";
        if (item instanceof ConfigNode.Mapping child) {
          children.add(new ConfigSection(child, childPath, problems));
        } else {
          problems.add(
              item.place() + ": " + childPath + ": expected a section, found " + item.kind());
        }
      }
    } else if (node != null) {
      fault(key, "expected a list of sections, each starting with '- ', found " + node.kind());
    }
    return children;
  }

  /**
   * All values of the section as they are, nested ones with dotted keys, those of lists joined by
   * commas.
   *
   * @param problem what is wrong with a value of that key, if anything is
   */
  public Map<String, String> all(BiFunction<String, String, Optional<String>> problem) {
    known.addAll(mapping.entries().keySet());
    Map<String, ConfigNode.Scalar> flat = new LinkedHashMap<>();
    flatten("", mapping, flat);
    Map<String, String> values = new LinkedHashMap<>();
    flat.forEach(
        (key, value) -> {
          values.put(key, value.text());
          problem
              .apply(key, value.text())
              .ifPresent(found -> problems.add(value.place() + ": " + pathOf(key) + ": " + found));
        });
    return values;
  }

  private static void flatten(
      String prefix, ConfigNode.Mapping from, Map<String, ConfigNode.Scalar> into) {
    from.entries()
        .forEach(
            (key, node) -> {
              if (node instanceof ConfigNode.Mapping nested) {
                flatten(prefix + key + ".", nested, into);
              } else if (node instanceof ConfigNode.Scalar scalar) {
                into.put(prefix + key, scalar);
              } else if (node instanceof ConfigNode.Sequence list) {
                String joined =
                    String.join(
                        ",",
                        list.items().stream()
                            .map(item -> item instanceof ConfigNode.Scalar s ? s.text() : "")
                            .toList());
                into.put(prefix + key, new ConfigNode.Scalar(list.place(), joined));
              }
            });
  }

  /** Notes a fault at a key, or at the section where the key is missing. */
  public void fault(String key, String problem) {
    ConfigNode node = mapping.entries().get(key);
    String place = node == null ? mapping.place() : node.place();
    problems.add(place + ": " + pathOf(key) + ": " + problem);
  }

  /** Refuses the keys that were never asked for. */
  @Override
  public void close() {
    mapping
        .entries()
        .forEach(
            (key, node) -> {
              if (!known.contains(key)) {
                problems.add(
                    node.place()
                        + ": "
                        + pathOf(key)
                        + ": unknown key"
                        + Suggestions.hint(key, (Collection<String>) known));
              }
            });
  }

  private String pathOf(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }
}
