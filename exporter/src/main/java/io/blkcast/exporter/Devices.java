package io.blkcast.exporter;

import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.VolumeConfig;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.blksnap.BlksnapSource;
import io.blkcast.exporter.source.blksnap.DifferenceStorage;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The block devices of an exporter, tracked by the kernel module. */
final class Devices {

  private Devices() {}

  /**
   * Opens the module. Blocks.
   *
   * @return empty where no device is configured
   */
  static Optional<BlksnapSource> open(ExporterConfig config) throws SourceException {
    Map<String, BlksnapSource.Volume> devices = new LinkedHashMap<>();
    for (VolumeConfig volume : config.volumes()) {
      if (volume.source() == SourceKind.BLKSNAP) {
        devices.put(
            volume.name(),
            new BlksnapSource.Volume(
                volume.path().toString(),
                volume.triggers().changedBytes().orElse(0),
                new DifferenceStorage(
                    volume.differenceStorage().path().map(Path::toString),
                    volume.differenceStorage().limitBytes(),
                    volume.differenceStorage().mostBytes())));
      }
    }
    return devices.isEmpty()
        ? Optional.empty()
        : Optional.of(new BlksnapSource(devices, config.state()));
  }
}
