package io.blkcast.exporter.source;

import java.time.Instant;

/** Something that happened at a source by itself. */
public sealed interface SourceEvent {

  String volume();

  Instant at();

  /** The volume's image is no more what it was at the take. */
  record Corrupted(String volume, Instant at, String cause) implements SourceEvent {}

  /** Difference storage was asked for in vain. */
  record NoSpace(String volume, Instant at, long requestedBytes) implements SourceEvent {}

  /** The difference storage holds more than its watermark. */
  record Watermark(String volume, Instant at, long usedBytes, long limitBytes)
      implements SourceEvent {}

  /** More was changed since the last take than the configured threshold; once per take. */
  record Changed(String volume, Instant at, long changedBytes) implements SourceEvent {}

  /** The volume has another size; its history is lost at the next take. */
  record Resized(String volume, Instant at, long oldBytes, long newBytes) implements SourceEvent {}

  /**
   * History is lost: changes could not be kept any more, or something else may have changed the
   * volume. The next increment is a BASELINE.
   */
  record HistoryLost(String volume, Instant at, String cause) implements SourceEvent {}

  /** The device is gone. */
  record Removed(String volume, Instant at) implements SourceEvent {}
}
