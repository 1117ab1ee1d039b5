package io.blkcast.exporter.increment;

import io.blkcast.codec.ContentDigest;
import java.util.function.Supplier;

/**
 * In which order the chunks of an increment are published. What was written last is likely to be
 * written next: published, and so released, ahead of the rest it need not be copied aside.
 *
 * <p>The two parts are divided at multiples of the chunk size, so that a range is cut into the same
 * chunks in either order.
 *
 * @param ahead makes a cursor over what comes first
 * @param rest makes a cursor over everything else
 */
record ExportOrder(Supplier<ExtentCursor> ahead, Supplier<ExtentCursor> rest) {

  /** By offset only. */
  static ExportOrder ascending(Supplier<ExtentCursor> extents) {
    return new ExportOrder(() -> ExtentCursor.whole(0), extents);
  }

  /**
   * What was written last comes first. Scans the extents once; for a pool.
   *
   * @param extents of the increment
   * @param bytes of all extents
   * @param latest what was written last
   * @param capacity of the volume, bytes
   * @param chunk most bytes of a chunk
   */
  static ExportOrder latestFirst(
      Supplier<ExtentCursor> extents,
      long bytes,
      Supplier<ExtentCursor> latest,
      long capacity,
      int chunk) {
    ExtentCursor both =
        ExtentCursor.intersection(
            extents.get(), ExtentCursor.widened(latest.get(), chunk, capacity));
    long limit = capacity;
    long ahead = 0;
    long chunks = 0;
    while (limit == capacity && both.next()) {
      long first = both.offset() / chunk;
      long count = (both.offset() + both.length() - 1) / chunk - first + 1;
      if (chunks + count > ContentDigest.MOST_AHEAD) {
        limit = (first + ContentDigest.MOST_AHEAD - chunks) * chunk;
      }
      chunks += count;
      ahead += both.length();
    }
    if (ahead == 0 || ahead == bytes) {
      return ascending(extents);
    }
    long end = limit;
    Supplier<ExtentCursor> first = () -> ExtentCursor.widened(latest.get(), chunk, end);
    return new ExportOrder(
        () -> ExtentCursor.intersection(extents.get(), first.get()),
        () ->
            ExtentCursor.intersection(
                extents.get(), ExtentCursor.complement(first.get(), capacity)));
  }
}
