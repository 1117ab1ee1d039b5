package io.blkcast.exporter.config;

import java.time.Duration;
import java.util.Optional;

/**
 * Commands around the snapshots of a group, or of a volume without a group; exactly one of the two
 * is there.
 *
 * @param before shell command that makes applications quiet; empty for none
 * @param after shell command that undoes it; may run twice
 * @param timeout for each of the two
 * @param limit longest time from {@code before} to {@code after}, whatever dies
 * @param level what {@code before} achieves
 * @param required whether no snapshot is taken where {@code before} fails
 */
public record HookConfig(
    Optional<String> group,
    Optional<String> volume,
    String before,
    String after,
    Duration timeout,
    Duration limit,
    Level level,
    boolean required) {

  /** What a snapshot is worth that was taken between the two commands. */
  public enum Level {
    /** The filesystem was frozen. */
    FILESYSTEM,
    /** Applications were quiet, too. */
    APPLICATION
  }

  /** The group's name, or the volume's. */
  public String name() {
    return group.or(this::volume).orElse("?");
  }
}
