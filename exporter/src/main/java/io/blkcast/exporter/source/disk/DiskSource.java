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
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tracked disks as a source. Owns the disks: {@link #close} closes them, so whatever serves them is
 * stopped before.
 */
public final class DiskSource implements ChangeSource {

  private static final Logger LOG = LoggerFactory.getLogger(DiskSource.class);

  private final Map<String, TrackedDisk> disks = new ConcurrentSkipListMap<>();
  private final Late late;
  private final Set<DiskSnapshot> snapshots = ConcurrentHashMap.newKeySet();
  private final DiskEventPump events = new DiskEventPump();
  private volatile boolean closed;

  /** Opens disks that are not open yet. */
  @FunctionalInterface
  public interface Late {

    /** Has the disk {@linkplain DiskSource#add added}, or fails with what keeps it from that. */
    void open(String volume) throws SourceException;
  }

  /**
   * @param disks with names that differ
   */
  public DiskSource(Collection<TrackedDisk> disks) {
    this(volume -> {});
    disks.forEach(this::add);
  }

  /** Without disks at first; those that are to be tracked and are not there are asked for. */
  public DiskSource(Late late) {
    this.late = late;
  }

  /**
   * Takes a disk in; it is closed with this, or at once where this is closed already.
   *
   * @throws IllegalArgumentException where there is one of that name
   */
  public final void add(TrackedDisk disk) {
    synchronized (disks) {
      if (!closed) {
        if (disks.putIfAbsent(disk.volume(), disk) != null) {
          throw new IllegalArgumentException("two disks are named " + disk.volume());
        }
        disk.listen(events::add);
        return;
      }
    }
    close(disk);
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
    if (!closed && !disks.containsKey(volume)) {
      late.open(volume);
    }
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
    synchronized (disks) {
      closed = true;
    }
    for (DiskSnapshot snapshot : List.copyOf(snapshots)) {
      try {
        snapshot.close();
      } catch (SourceException e) {
        LOG.warn("{}", e.getMessage(), e);
      }
    }
    disks.values().forEach(DiskSource::close);
    events.close();
  }

  private static void close(TrackedDisk disk) {
    try {
      disk.close();
    } catch (IOException e) {
      LOG.error("closing {}: its history is lost at the next open", disk.volume(), e);
    }
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
