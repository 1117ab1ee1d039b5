package io.blkcast.exporter;

import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.VolumeConfig;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.blksnap.BlksnapDifferenceStorage;
import io.blkcast.exporter.source.blksnap.BlksnapSource;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The block devices of an exporter, tracked by the kernel module. A module that cannot be used yet
 * keeps nothing else from its work: it is tried again whenever a volume is to be tracked, which
 * then fails with the reason.
 */
final class Devices implements ChangeSource {

  private static final Logger LOG = LoggerFactory.getLogger(Devices.class);

  /** Makes the source. */
  @FunctionalInterface
  interface Opening {
    ChangeSource open() throws SourceException;
  }

  private final Opening opening;
  private @Nullable Consumer<SourceEvent> listener;
  private volatile @Nullable ChangeSource module;
  private boolean closed;

  Devices(Opening opening) {
    this.opening = opening;
  }

  /**
   * Opens the module. Blocks.
   *
   * @return empty where no device is configured
   * @throws SourceException {@code BUSY} where another exporter has the state directory
   */
  static Optional<Devices> open(ExporterConfig config) throws SourceException {
    Map<String, BlksnapSource.Volume> volumes = new LinkedHashMap<>();
    for (VolumeConfig volume : config.volumes()) {
      if (volume.source() == SourceKind.BLKSNAP) {
        volumes.put(
            volume.name(),
            new BlksnapSource.Volume(
                volume.path().toString(),
                volume.triggers().changedBytes().orElse(0),
                new BlksnapDifferenceStorage(
                    volume.differenceStorage().path().map(Path::toString),
                    volume.differenceStorage().limitBytes(),
                    volume.differenceStorage().mostBytes())));
      }
    }
    if (volumes.isEmpty()) {
      return Optional.empty();
    }
    Devices devices = new Devices(() -> new BlksnapSource(volumes, config.state()));
    try {
      devices.opened();
    } catch (SourceException e) {
      if (e.code() == Code.BUSY) {
        throw e;
      }
      LOG.error("the kernel module cannot be used, tried again: {}", e.getMessage());
    }
    return Optional.of(devices);
  }

  private synchronized ChangeSource opened() throws SourceException {
    if (closed) {
      throw new SourceException(Code.CLOSED, "the exporter is shutting down");
    }
    ChangeSource open = module;
    if (open == null) {
      open = opening.open();
      if (listener != null) {
        open.listen(listener);
      }
      module = open;
    }
    return open;
  }

  private ChangeSource known() throws SourceException {
    ChangeSource open = module;
    if (open == null) {
      throw new SourceException(Code.NOT_TRACKED, "the kernel module is not in use yet");
    }
    return open;
  }

  @Override
  public String type() {
    return "blksnap";
  }

  @Override
  public String description() {
    ChangeSource open = module;
    return open == null ? "blksnap, not in use yet" : open.description();
  }

  @Override
  public Features features() {
    ChangeSource open = module;
    return open == null ? new Features(false, false, false) : open.features();
  }

  @Override
  public void track(String volume) throws SourceException {
    ChangeSource open;
    try {
      open = opened();
    } catch (SourceException e) {
      throw e.code() == Code.CLOSED ? e : new SourceException(Code.IO, e.getMessage() + "", e);
    }
    open.track(volume);
  }

  @Override
  public void untrack(String volume) throws SourceException {
    known().untrack(volume);
  }

  @Override
  public TrackingInfo info(String volume) throws SourceException {
    return known().info(volume);
  }

  @Override
  public Snapshot take(List<String> volumes) throws SourceException {
    return known().take(volumes);
  }

  @Override
  public OptionalLong moreRoom(String volume) throws SourceException {
    return known().moreRoom(volume);
  }

  @Override
  public synchronized void listen(Consumer<SourceEvent> newListener) {
    listener = newListener;
    ChangeSource open = module;
    if (open != null) {
      open.listen(newListener);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    ChangeSource open = module;
    if (open != null) {
      open.close();
    }
  }
}
