package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.Extent;
import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.schema.BlockMetadata;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Cuts extents into pieces, a few at a time, so that nothing grows with the increment. Chunks end
 * at multiples of the chunk size, so a range is cut alike in every increment; chunks that lie in a
 * hole of the image are not read, and neighbouring ones become one.
 *
 * <p>Asks the image for its holes, so for a pool; one call at a time.
 */
final class Planner {

  /** Extents in one record: some tens of KiB encoded. */
  private static final int BATCH = 1024;

  private final ExtentCursor extents;
  private final Image image;
  private final int chunk;
  private List<BlockMetadata> batch = new ArrayList<>();
  private long at;
  private long end;
  private long dataStart;
  private long dataEnd;
  private boolean finished;

  /**
   * @param chunk most bytes of a data piece
   */
  Planner(ExtentCursor extents, Image image, int chunk) {
    this.extents = extents;
    this.image = image;
    this.chunk = chunk;
  }

  /**
   * The next pieces in ascending order.
   *
   * @param most pieces wanted; one more may come
   * @return empty after the last
   */
  List<Piece> next(int most) throws SourceException {
    List<Piece> pieces = new ArrayList<>(most + 1);
    while (pieces.size() < most && !finished) {
      if (at < end) {
        pieces.add(cut());
      } else if (extents.next()) {
        at = extents.offset();
        end = at + extents.length();
        batch.add(new BlockMetadata(extents.offset(), extents.length()));
        if (batch.size() == BATCH) {
          pieces.add(new Piece.Extents(batch));
          batch = new ArrayList<>();
        }
      } else {
        finished = true;
        if (!batch.isEmpty()) {
          pieces.add(new Piece.Extents(batch));
        }
      }
    }
    return pieces;
  }

  private Piece cut() throws SourceException {
    if (at >= dataEnd) {
      Optional<Extent> data = image.data(at);
      dataStart = data.map(Extent::offset).orElse(Long.MAX_VALUE);
      dataEnd = data.map(Extent::end).orElse(Long.MAX_VALUE);
    }
    long chunkEnd = Math.min(end, (at / chunk + 1) * chunk);
    long from = at;
    if (chunkEnd <= dataStart) {
      at = dataStart >= end ? end : dataStart / chunk * chunk;
      return new Piece.Zero(from, at - from);
    }
    at = chunkEnd;
    return new Piece.Data(from, (int) (chunkEnd - from));
  }
}
