package io.blkcast.exporter.source;

import java.nio.ByteBuffer;

/**
 * The change map of a volume as of a take: one byte per tracking block, the changes number under
 * which the block was last written; 0 = not since tracking began.
 */
public final class ChangeMap {

  private final ByteBuffer map;
  private final TrackingInfo info;
  private final long mapEpoch;
  private final long oldestBase;

  /**
   * @param map one byte per tracking block, position 0 to limit; not copied, not written any more
   * @param info the volume as of the take
   * @param mapEpoch with epochs: a block of value v &gt; 0 was last written in epoch mapEpoch + v;
   *     without: 0
   * @param oldestBase with epochs: oldest epoch that still can be a base; without: 0
   */
  public ChangeMap(ByteBuffer map, TrackingInfo info, long mapEpoch, long oldestBase) {
    if (map.limit() != info.blockCount()) {
      throw new IllegalArgumentException(
          "map of " + map.limit() + " bytes for " + info.blockCount() + " blocks");
    }
    this.map = map.asReadOnlyBuffer();
    this.info = info;
    this.mapEpoch = mapEpoch;
    this.oldestBase = oldestBase;
  }
}
