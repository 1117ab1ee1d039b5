package io.blkcast.exporter.config;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * One volume.
 *
 * @param name stable name, the key of all its records
 * @param source what tracks it
 * @param path image file of a tracked disk, or the block device that the kernel module tracks
 * @param sizeBytes size of an image: it is made where there is none and grown where it is smaller,
 *     a larger one is refused; empty for that of the image there is
 * @param differenceStorage where overwritten data is kept while a snapshot is held
 * @param triggers when an increment is taken by itself
 * @param chunkBytes most plain bytes of a data record, a multiple of 4096, at most {@link
 *     io.blkcast.codec.ChunkContent#MOST_BYTES}
 * @param blockBytes tracking block, a power of two
 * @param compression of payloads
 * @param stripes partitions that the volume's chunks are spread over, 1 or more
 * @param group volumes of one group are taken in one snapshot
 */
public record VolumeConfig(
    String name,
    SourceKind source,
    Path path,
    OptionalLong sizeBytes,
    DifferenceStorageConfig differenceStorage,
    TriggersConfig triggers,
    int chunkBytes,
    int blockBytes,
    Compression compression,
    int stripes,
    Optional<String> group) {

  /** What tracks a volume's changes. */
  public enum SourceKind {
    /** An image served by the exporter itself over NBD. */
    DISK,
    /** A block device of this machine, by the blksnap kernel module. */
    BLKSNAP
  }

  /** How payloads are encoded. */
  public enum Compression {
    NONE,
    ZSTD
  }

  /**
   * Where overwritten data goes while a snapshot is held.
   *
   * @param path of a tracked disk: file, made where there is none, empty for one in the state
   *     directory; of a device: directory, file or block device, empty for one chosen at each take
   * @param limitBytes most it may hold; beyond it the snapshot is corrupted and taken anew; empty
   *     for what suits the source
   * @param mostBytes what the limit may be raised to, doubled each time, after a storage that ran
   *     full; empty for the limit
   */
  public record DifferenceStorageConfig(
      Optional<Path> path, OptionalLong limitBytes, OptionalLong mostBytes) {}

  /**
   * When an increment is taken without being asked for.
   *
   * @param every time from one to the next
   * @param changedBytes bytes changed since the last take
   */
  public record TriggersConfig(Optional<Duration> every, OptionalLong changedBytes) {

    /** Only when asked. */
    public static final TriggersConfig NONE =
        new TriggersConfig(Optional.empty(), OptionalLong.empty());
  }
}
