package io.blkcast.exporter.increment;

import io.blkcast.schema.BlockMetadata;
import java.util.List;

/** One record's worth of an increment. */
sealed interface Piece {

  /** Content that must be read. */
  record Data(long offset, int length) implements Piece {}

  /** Content known to be zero; not bounded in length. */
  record Zero(long offset, long length) implements Piece {}

  /** Extents of which the pieces follow, or have begun to. */
  record Extents(List<BlockMetadata> batch) implements Piece {}
}
