package io.blkcast.exporter.source;

import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * The change map of a volume as of a take: one byte per tracking block, the changes number under
 * which the block was last written; 0 = not since tracking began.
 *
 * <p>Scanned eight blocks at a time: a 64-bit word of the map is compared with the base in a few
 * instructions, and words without a change are passed over four at a time.
 */
public final class ChangeMap {

  private static final long HIGH_BITS = 0x8080808080808080L;
  private static final long LOW_BITS = 0x7f7f7f7f7f7f7f7fL;
  private static final long EACH_BYTE = 0x0101010101010101L;

  private final ByteBuffer map;
  private final TrackingInfo info;
  private final long mapEpoch;
  private final long oldestBase;
  private final Lineage lineage;

  /**
   * A map of a source that saves no state: {@link #ChangeMap(ByteBuffer, TrackingInfo, long, long,
   * Lineage)}.
   */
  public ChangeMap(ByteBuffer map, TrackingInfo info, long mapEpoch, long oldestBase) {
    this(map, info, mapEpoch, oldestBase, Lineage.NONE);
  }

  /**
   * @param map one byte per tracking block, position 0 to limit; not copied, not written any more
   * @param info the volume as of the take
   * @param mapEpoch with epochs: a block of value v &gt; 0 was last written in epoch mapEpoch + v;
   *     without: 0
   * @param oldestBase with epochs: oldest epoch that still can be a base; without: 0
   * @param lineage of the saved state, which a base must come from
   */
  public ChangeMap(
      ByteBuffer map, TrackingInfo info, long mapEpoch, long oldestBase, Lineage lineage) {
    if (map.position() != 0 || map.limit() != info.blockCount()) {
      throw new IllegalArgumentException(
          "map of " + map.remaining() + " bytes for " + info.blockCount() + " blocks");
    }
    this.map = map.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
    this.info = info;
    this.mapEpoch = mapEpoch;
    this.oldestBase = oldestBase;
    this.lineage = lineage;
  }

  /** The volume as of the take. */
  public TrackingInfo info() {
    return info;
  }

  /**
   * What changed from the base to this map's take.
   *
   * @return {@link Lost} where the map cannot tell, so that a BASELINE is needed
   */
  public Since since(Position base) {
    Position now = info.position();
    if (base.epoch().isPresent() && now.epoch().isPresent()) {
      if (!base.trackingId().equals(now.trackingId())) {
        return new Lost("tracking began anew after the base was taken");
      }
      long epoch = base.epoch().getAsLong();
      if (epoch < Math.max(oldestBase, mapEpoch)) {
        return new Lost(
            "base epoch " + epoch + " is older than the oldest the map knows, " + oldestBase);
      }
      if (epoch > now.epoch().getAsLong()) {
        return new Lost("base epoch " + epoch + " is newer than " + now.epoch().getAsLong());
      }
      Optional<String> denied = lineage.denies(base, now.epoch().getAsLong());
      if (denied.isPresent()) {
        return new Lost(denied.get());
      }
      return new Changes(Math.min(255, epoch - mapEpoch));
    }
    if (!base.generation().equals(now.generation())) {
      return new Lost("the generation changed after the base was taken");
    }
    if (base.changesNumber() > now.changesNumber()) {
      return new Lost("base number " + base.changesNumber() + " is newer than the map");
    }
    return new Changes(base.changesNumber());
  }

  /** What was written from the take before to this map's, or since tracking began. */
  public Changes latest() {
    Position now = info.position();
    long before =
        now.epoch().isPresent() ? now.epoch().getAsLong() - 1 - mapEpoch : now.changesNumber() - 1L;
    return new Changes(Math.max(0, Math.min(255, before)));
  }

  /** Whether the map still knows the base. */
  public sealed interface Since permits Changes, Lost {}

  /**
   * The base means nothing to the map any more.
   *
   * @param reason one sentence for people
   */
  public record Lost(String reason) implements Since {}

  /** The changed extents, ascending, adjacent blocks merged, the last cut to the capacity. */
  public final class Changes implements Since {

    private final long sumAddend;
    private final boolean highBase;
    private final int base;
    private final int extents;
    private final long bytes;

    private Changes(long base) {
      this.base = (int) base;
      this.highBase = base >= 128;
      this.sumAddend = (127 - (base & 127)) * EACH_BYTE;
      int count = 0;
      long sum = 0;
      for (Cursor cursor = cursor(); cursor.next(); ) {
        count++;
        sum += cursor.length();
      }
      this.extents = count;
      this.bytes = sum;
    }

    /** Number of extents. */
    public int extents() {
      return extents;
    }

    /** Length of all extents together, in bytes. */
    public long bytes() {
      return bytes;
    }

    /** A new cursor before the first extent; for one thread. */
    public Cursor cursor() {
      return new Cursor(this);
    }

    private TrackingInfo info() {
      return info;
    }

    private int firstChanged(int from) {
      int at = from;
      int blocks = map.limit();
      for (; at + 32 <= blocks; at += 32) {
        long any =
            changed(map.getLong(at))
                | changed(map.getLong(at + 8))
                | changed(map.getLong(at + 16))
                | changed(map.getLong(at + 24));
        if (any != 0) {
          break;
        }
      }
      for (; at + 8 <= blocks; at += 8) {
        long changed = changed(map.getLong(at));
        if (changed != 0) {
          return at + Long.numberOfTrailingZeros(changed) / 8;
        }
      }
      while (at < blocks && (map.get(at) & 0xff) <= base) {
        at++;
      }
      return at;
    }

    private int firstUnchanged(int from) {
      int at = from;
      int blocks = map.limit();
      for (; at + 8 <= blocks; at += 8) {
        long changed = changed(map.getLong(at));
        if (changed != HIGH_BITS) {
          return at + Long.numberOfTrailingZeros(changed ^ HIGH_BITS) / 8;
        }
      }
      while (at < blocks && (map.get(at) & 0xff) > base) {
        at++;
      }
      return at;
    }

    /**
     * The high bit of each byte that is greater than the base. The sum's high bit tells whether a
     * byte's lower seven bits exceed the base's; the byte's own high bit then decides with it.
     */
    private long changed(long word) {
      long sum = (word & LOW_BITS) + sumAddend;
      return (highBase ? word & sum : word | sum) & HIGH_BITS;
    }
  }

  /** Walks extents without an object for each. */
  public static final class Cursor {

    private final Changes changes;
    private final TrackingInfo info;
    private int nextBlock;
    private long offset;
    private long length;

    private Cursor(Changes changes) {
      this.changes = changes;
      this.info = changes.info();
    }

    /**
     * Moves to the next extent.
     *
     * @return false after the last
     */
    public boolean next() {
      int first = changes.firstChanged(nextBlock);
      if (first == info.blockCount()) {
        nextBlock = first;
        length = 0;
        return false;
      }
      nextBlock = changes.firstUnchanged(first + 1);
      offset = (long) first * info.blockSize();
      length = Math.min((long) nextBlock * info.blockSize(), info.capacityBytes()) - offset;
      return true;
    }

    /** First byte of the extent. */
    public long offset() {
      return offset;
    }

    /** Bytes of the extent. */
    public long length() {
      return length;
    }
  }
}
