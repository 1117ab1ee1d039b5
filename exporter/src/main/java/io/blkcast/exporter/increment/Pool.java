package io.blkcast.exporter.increment;

import java.util.Locale;

/** The pools in which everything that blocks is done, apart so that one cannot starve another. */
public enum Pool {
  /** Control of sources: track, take, map, release, destroy. */
  SOURCE,
  /** Reads of images. */
  READ,
  /** Encoding and sending of chunks; one thread at a time for each volume. */
  SEND,
  /** Control of Kafka: open, begin, commit, abort, events. */
  PUBLISH,
  /** Questions to peers how they are; never behind work that waits for those peers. */
  PROBE;

  /** As in the names of threads and metrics. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
