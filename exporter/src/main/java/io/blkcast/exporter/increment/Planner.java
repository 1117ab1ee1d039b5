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
 * hole of the image are not read, and neighbouring ones become one. The extents themselves come
 * last, in order of offset whatever that of the chunks.
 *
 * <p>Asks the image for its holes, so for a pool; one call at a time.
 */
final class Planner {

  /** Extents in one record: some tens of KiB encoded. */
  private static final int BATCH = 1024;

  private final ExtentCursor extents;
  private final ExtentCursor rest;
  private final Image image;
  private final int chunk;
  private ExtentCursor part;
  private boolean ahead = true;
  private long at;
  private long end;
  private long dataStart;
  private long dataEnd;
  private boolean finished;

  /**
   * @param extents of the increment
   * @param order in which their chunks come
   * @param chunk most bytes of a data piece
   */
  Planner(ExtentCursor extents, ExportOrder order, Image image, int chunk) {
    this.extents = extents;
    this.part = order.ahead().get();
    this.rest = order.rest().get();
    this.image = image;
    this.chunk = chunk;
  }

  /**
   * The next pieces.
   *
   * @param most pieces wanted
   * @return empty after the last
   */
  List<Piece> next(int most) throws SourceException {
    List<Piece> pieces = new ArrayList<>(most);
    while (pieces.size() < most && !finished) {
      if (at < end) {
        pieces.add(cut());
      } else if (part.next()) {
        at = part.offset();
        end = at + part.length();
      } else if (ahead) {
        ahead = false;
        part = rest;
        dataStart = 0;
        dataEnd = 0;
      } else {
        batch().ifPresentOrElse(pieces::add, () -> finished = true);
      }
    }
    return pieces;
  }

  private Optional<Piece> batch() {
    List<BlockMetadata> batch = new ArrayList<>();
    while (batch.size() < BATCH && extents.next()) {
      batch.add(new BlockMetadata(extents.offset(), extents.length()));
    }
    return batch.isEmpty() ? Optional.empty() : Optional.of(new Piece.Extents(batch));
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
      return new Piece.Zero(from, at - from, ahead);
    }
    at = chunkEnd;
    return new Piece.Data(from, (int) (chunkEnd - from), ahead);
  }
}
