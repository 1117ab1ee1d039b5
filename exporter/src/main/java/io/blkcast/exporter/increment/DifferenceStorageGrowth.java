package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.schema.Severity;
import io.blkcast.schema.VolumeEventType;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the source for more room where a snapshot's difference storage was too small, once for each
 * snapshot, and tells what came of it. Belongs to the loop.
 */
final class DifferenceStorageGrowth {

  private static final Logger LOG = LoggerFactory.getLogger(DifferenceStorageGrowth.class);

  private final Loop loop;
  private final ChangeSource source;
  private final String volume;
  private final EventSender events;
  private boolean asked;
  private boolean closed;

  DifferenceStorageGrowth(Loop loop, ChangeSource source, String volume, EventSender events) {
    this.loop = loop;
    this.source = source;
    this.volume = volume;
    this.events = events;
  }

  /** Another snapshot is taken, with what was got for it. */
  void nextSnapshot() {
    asked = false;
  }

  /** There is no next snapshot. */
  void close() {
    closed = true;
  }

  /** Whether the storage of the snapshot was too small, so that its event is told. */
  boolean isAsked() {
    return asked;
  }

  /**
   * The snapshot's storage is too small: the next one is to get more.
   *
   * @param what happened; told once for each snapshot, with what comes of it
   */
  void ask(String what, Map<String, String> attributes) {
    if (asked || closed) {
      return;
    }
    asked = true;
    loop.blocking(Pool.SOURCE, () -> source.moreRoom(volume))
        .onSuccess(
            limit -> {
              Map<String, String> all = new TreeMap<>(attributes);
              limit.ifPresent(bytes -> all.put("limit_bytes", Long.toString(bytes)));
              tell(
                  what
                      + (limit.isPresent()
                          ? "; that of the next snapshot may hold " + limit.getAsLong() + " bytes"
                          : "; it may not grow any further: raise differenceStorage.limit or"
                              + " growTo, or take increments more often"),
                  all);
            })
        .onFailure(
            e -> {
              LOG.warn("{}: no more room can be had: {}", volume, e.toString());
              tell(what, attributes);
            });
  }

  private void tell(String message, Map<String, String> attributes) {
    events.send(VolumeEventType.NO_SPACE, Severity.WARNING, message, Optional.empty(), attributes);
  }
}
