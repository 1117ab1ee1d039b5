package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.TrackingInfo;
import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;

/**
 * Tracked disks as a source. Owns the disks: {@link #close} closes them, so whatever serves them is
 * stopped before.
 */
public final class DiskSource implements ChangeSource {

  public DiskSource(Collection<TrackedDisk> disks) {}

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
    throw new UnsupportedOperationException();
  }

  @Override
  public void untrack(String volume) throws SourceException {
    throw new UnsupportedOperationException();
  }

  @Override
  public TrackingInfo info(String volume) throws SourceException {
    throw new UnsupportedOperationException();
  }

  @Override
  public Snapshot take(List<String> volumes) throws SourceException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void listen(Consumer<SourceEvent> listener) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }
}
