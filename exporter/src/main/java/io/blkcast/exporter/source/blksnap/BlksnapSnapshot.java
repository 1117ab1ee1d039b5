package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** A snapshot held by the module. Its images are open from the take to {@link #close}. */
final class BlksnapSnapshot implements Snapshot {

  private final BlksnapSource source;
  private final UUID id;
  private final Instant takenAt = Instant.now();
  private final List<BlksnapImage> images = new ArrayList<>();
  private final BlksnapEventPump pump;
  private boolean closed;

  BlksnapSnapshot(
      BlksnapSource source,
      UUID id,
      Map<String, FilteredDevice> members,
      Set<Long> frozen,
      long limitBytes)
      throws SourceException {
    this.source = source;
    this.id = id;
    try {
      for (Map.Entry<String, FilteredDevice> member : members.entrySet()) {
        FilteredDevice device = member.getValue();
        images.add(
            new BlksnapImage(
                source, id, limitBytes, member.getKey(), device, frozen.contains(device.number())));
      }
    } catch (SourceException e) {
      images.forEach(BlksnapImage::close);
      throw e;
    }
    pump = BlksnapEventPump.ofSnapshot(source, id, List.copyOf(members.keySet()));
  }

  @Override
  public UUID id() {
    return id;
  }

  @Override
  public Instant takenAt() {
    return takenAt;
  }

  @Override
  public List<Image> images() {
    return List.copyOf(images);
  }

  @Override
  public synchronized void close() throws SourceException {
    if (closed) {
      return;
    }
    images.forEach(BlksnapImage::close);
    pump.stop();
    try {
      // Wakes the pump, so that its end need not be waited for.
      source.destroy(id);
    } catch (ErrnoException e) {
      throw new SourceException(
          SourceException.Code.IO, e.getMessage() + ". Try `blksnapctl destroy " + id + "`", e);
    } finally {
      pump.close();
    }
    closed = true;
    source.forget(this);
  }
}
