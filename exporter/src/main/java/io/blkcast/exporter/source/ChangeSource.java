package io.blkcast.exporter.source;

import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Devices that track their changes and give snapshots of themselves.
 *
 * <p>Volumes are known by their configured names; a source is made with the devices or images
 * behind the names it serves. Calls block (ioctl, disk) and may come from several threads at once;
 * never call from an event loop. Every call throws {@link SourceException} with a {@link
 * SourceException.Code} that says what to do about it.
 */
public interface ChangeSource extends AutoCloseable {

  /**
   * Kind of source, as in the {@code source.type} field of records: {@code disk} or {@code
   * blksnap}.
   */
  String type();

  /** One line for people: which implementation this is, of what version, and what it can do. */
  default String description() {
    return type();
  }

  /** What this source can do beyond the plain interface, for instance {@code release}. */
  Features features();

  /**
   * Starts tracking the volume. Does nothing where it is tracked already: history is kept, and a
   * position from before stays valid when the source kept its state.
   */
  void track(String volume) throws SourceException;

  /** Stops tracking; history is lost. Fails with {@code BUSY} while the volume is in a snapshot. */
  void untrack(String volume) throws SourceException;

  /** State of tracking as of the last take. */
  TrackingInfo info(String volume) throws SourceException;

  /**
   * Takes a snapshot of the volumes, all at one instant. A volume can be in one snapshot at a time.
   *
   * @param volumes tracked volumes, at least one, no duplicates
   * @throws SourceException {@code BUSY} where one is in a snapshot, {@code NOT_TRACKED}, {@code
   *     GONE}, {@code NO_SPACE} where the difference storage cannot be made, {@code IO}
   */
  Snapshot take(List<String> volumes) throws SourceException;

  /**
   * Tells that the difference storage of the volume's last snapshot was too small: the next one
   * gets more, as far as the configuration allows.
   *
   * @return its limit in bytes; empty where it cannot be raised any further
   */
  default OptionalLong moreRoom(String volume) throws SourceException {
    return OptionalLong.empty();
  }

  /**
   * Sets who is told of events, from a thread of the source's own; the listener must not block.
   * Events that happened before are delivered first, as far as the source keeps them.
   */
  void listen(Consumer<SourceEvent> listener);

  /** Destroys what snapshots are left and lets go of the devices; tracking goes on where it can. */
  @Override
  void close();

  /**
   * What a source can do.
   *
   * @param release {@link Snapshot.Image#release} frees storage
   * @param epochs positions carry epochs, so that more than 255 takes of history can be used
   * @param groupInstant a snapshot of several volumes holds writes of all before it switches any
   */
  record Features(boolean release, boolean epochs, boolean groupInstant) {}
}
