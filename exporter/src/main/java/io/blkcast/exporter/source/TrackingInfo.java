package io.blkcast.exporter.source;

import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;

/**
 * State of a volume's change tracking as of a take.
 *
 * @param capacityBytes size of the volume; a tracked disk's may be any
 * @param blockSize bytes of a tracking block, a power of two
 * @param position where on the time axis of changes that take stands
 */
public record TrackingInfo(long capacityBytes, int blockSize, Position position) {

  /** Tracking blocks, and so bytes of the change map. */
  public int blockCount() {
    return Math.toIntExact((capacityBytes + blockSize - 1) / blockSize);
  }

  /**
   * A point on the time axis of changes.
   *
   * @param trackingId new only when history was lost: tracking began anew or the volume was resized
   * @param generation new one: older changes numbers mean nothing
   * @param changesNumber number that the take closed, 1..255; 0 before the first
   * @param epoch takes since tracking began, where the source has epochs
   * @param incarnation that the saved state had at that take, new at every open; empty where the
   *     source saves none, and before the first take
   */
  public record Position(
      UUID trackingId,
      UUID generation,
      int changesNumber,
      OptionalLong epoch,
      Optional<UUID> incarnation) {

    /** A position of a source that saves no state. */
    public Position(UUID trackingId, UUID generation, int changesNumber, OptionalLong epoch) {
      this(trackingId, generation, changesNumber, epoch, Optional.empty());
    }
  }
}
