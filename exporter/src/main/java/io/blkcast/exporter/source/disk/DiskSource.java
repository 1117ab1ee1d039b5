package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tracked disks as a source. Owns the disks: {@link #close} closes them, so whatever serves them is
 * stopped before.
 */
public final class DiskSource implements ChangeSource {

  private static final Logger LOG = LoggerFactory.getLogger(DiskSource.class);

  private final Map<String, TrackedDisk> disks = new TreeMap<>();
  private final Set<DiskSnapshot> snapshots = ConcurrentHashMap.newKeySet();
  private final EventPump events = new EventPump();
  private volatile boolean closed;

  /**
   * @param disks with names that differ
   */
  public DiskSource(Collection<TrackedDisk> disks) {
    for (TrackedDisk disk : disks) {
      if (this.disks.put(disk.volume(), disk) != null) {
        throw new IllegalArgumentException("two disks are named " + disk.volume());
      }
    }
    disks.forEach(disk -> disk.listen(events::add));
  }

  @Override
  public String type() {
    return "disk";
  }

  @Override
  public Features features() {
    return new Features(true, true, true);
  }

  @Override
  public void track(String volume) throws SourceException {
    disk(volume).track();
  }

  @Override
  public void untrack(String volume) throws SourceException {
    disk(volume).untrack();
  }

  @Override
  public TrackingInfo info(String volume) throws SourceException {
    return disk(volume).info();
  }

  @Override
  public Snapshot take(List<String> volumes) throws SourceException {
    if (volumes.isEmpty() || new HashSet<>(volumes).size() != volumes.size()) {
      throw new SourceException(
          Code.INVALID, "a snapshot needs volumes, each once, not " + volumes);
    }
    List<TrackedDisk> taken = new ArrayList<>();
    for (String volume : volumes) {
      taken.add(disk(volume));
    }
    DiskSnapshot snapshot =
        DiskSnapshot.take(taken, Clock.systemUTC(), TrackedDisk.HOLD_LIMIT, snapshots::remove);
    snapshots.add(snapshot);
    return snapshot;
  }

  @Override
  public OptionalLong moreRoom(String volume) throws SourceException {
    return disk(volume).moreRoom();
  }

  @Override
  public void listen(Consumer<SourceEvent> listener) {
    events.listen(listener);
  }

  @Override
  public void close() {
    closed = true;
    for (DiskSnapshot snapshot : List.copyOf(snapshots)) {
      try {
        snapshot.close();
      } catch (SourceException e) {
        LOG.warn("{}", e.getMessage(), e);
      }
    }
    for (TrackedDisk disk : disks.values()) {
      try {
        disk.close();
      } catch (IOException e) {
        LOG.error("closing {}: its history is lost at the next open", disk.volume(), e);
      }
    }
    events.close();
  }

  private TrackedDisk disk(String volume) throws SourceException {
    if (closed) {
      throw new SourceException(Code.CLOSED, "the source was closed");
    }
    TrackedDisk disk = disks.get(volume);
    if (disk == null) {
      throw new SourceException(
          Code.UNKNOWN_VOLUME, "no disk is named " + volume + "; there are " + disks.keySet());
    }
    return disk;
  }
}
