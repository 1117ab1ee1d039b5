package io.blkcast.exporter.increment;

import io.blkcast.schema.BlockMetadata;
import java.util.List;

/** One record's worth of an increment. */
sealed interface Piece {

  /**
   * Content that must be read.
   *
   * @param ahead as of {@link ExportOrder}
   */
  record Data(long offset, int length, boolean ahead) implements Piece {}

  /**
   * Content known to be zero; not bounded in length.
   *
   * @param ahead as of {@link ExportOrder}
   */
  record Zero(long offset, long length, boolean ahead) implements Piece {}

  /** Extents, ascending. */
  record Extents(List<BlockMetadata> batch) implements Piece {}
}
