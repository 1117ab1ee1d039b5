package io.blkcast.config;

import java.util.LinkedHashMap;
import java.util.List;

/** A piece of a configuration file that remembers where it stands. */
public sealed interface ConfigNode {

  /** For instance {@code exporter.yaml:12:5} or {@code environment variable BLKCAST_STATE}. */
  String place();

  /** A word for error messages. */
  String kind();

  /**
   * A single value.
   *
   * @param text as written, without quotes; empty for a null
   */
  record Scalar(String place, String text) implements ConfigNode {
    @Override
    public String kind() {
      return "a value";
    }
  }

  /** A list. */
  record Sequence(String place, List<ConfigNode> items) implements ConfigNode {
    @Override
    public String kind() {
      return "a list";
    }
  }

  /** A section; keys in the order of the file. */
  record Mapping(String place, LinkedHashMap<String, ConfigNode> entries) implements ConfigNode {
    @Override
    public String kind() {
      return "a section";
    }
  }
}
