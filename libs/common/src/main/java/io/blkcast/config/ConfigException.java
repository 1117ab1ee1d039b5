package io.blkcast.config;

import java.util.List;

/** A configuration that cannot be used; names every fault found, with its place and a remedy. */
public final class ConfigException extends Exception {

  private static final long serialVersionUID = 1L;

  private final transient List<String> problems;

  /**
   * @param problems one or more, each with place, cause and remedy
   */
  public ConfigException(List<String> problems) {
    super(String.join("\n", problems));
    this.problems = List.copyOf(problems);
  }

  /** The faults, in the order of the file. */
  public List<String> problems() {
    return problems;
  }
}
