package io.blkcast.exporter.publish;

/**
 * How one volume is published.
 *
 * @param volume configured name, the key of all its records
 * @param chunkBytes most plain bytes of a chunk, 1 or more
 * @param zstd compress payloads that get smaller by it
 * @param stripes partitions that its chunks are spread over, 1 or more
 */
public record VolumeSettings(String volume, int chunkBytes, boolean zstd, int stripes) {

  public VolumeSettings {
    if (volume.isEmpty() || chunkBytes < 1 || stripes < 1) {
      throw new IllegalArgumentException(
          "volume '" + volume + "', chunks of " + chunkBytes + " bytes, stripes " + stripes);
    }
  }
}
