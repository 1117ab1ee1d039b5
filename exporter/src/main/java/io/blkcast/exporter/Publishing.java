package io.blkcast.exporter;

import io.blkcast.codec.TopicNames;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.VolumeConfig;
import io.blkcast.exporter.config.VolumeConfig.Compression;
import io.blkcast.exporter.publish.PublishSettings;
import io.blkcast.exporter.publish.VolumeSettings;
import java.net.URI;

/** What a configuration means to publishing. */
public final class Publishing {

  private Publishing() {}

  /** For all volumes. */
  public static PublishSettings settings(ExporterConfig config) {
    return new PublishSettings(
        config.kafka().producer(),
        config.kafka().consumer(),
        config.kafka().admin(),
        new TopicNames(config.topics().prefix()),
        config.topics().partitions(),
        config.topics().replicationFactor(),
        config.schemaRegistry().map(URI::create));
  }

  /** For one volume. */
  public static VolumeSettings volume(VolumeConfig volume) {
    return new VolumeSettings(
        volume.name(),
        volume.chunkBytes(),
        volume.compression() == Compression.ZSTD,
        volume.stripes());
  }
}
