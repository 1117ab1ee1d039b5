package io.blkcast.exporter.increment;

import java.util.Locale;

/** What starts an increment. */
public enum Trigger {
  /** The configured time has passed. */
  SCHEDULE,
  /** A call of the API, or of an embedding program. */
  CALL,
  /** A record on the signals topic. */
  SIGNAL,
  /** More was changed than the configured threshold. */
  CHANGED_BYTES,
  /** The difference storage fills up: the sooner the next, the smaller it is. */
  STORAGE_WATERMARK,
  /** Another volume of the group. */
  GROUP;

  /** As it is shown and logged. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
