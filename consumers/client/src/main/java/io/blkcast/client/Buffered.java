package io.blkcast.client;

import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A checked chunk, held until its increment is proved whole.
 *
 * @param content plain content; null when all zero
 */
record Buffered(long offset, long size, @Nullable ByteBuffer content) {

  /**
   * Copies only what will not stay as it is: unpacked content is in a buffer that is used again.
   */
  static Buffered of(DataChunk chunk, @Nullable ByteBuffer content) {
    ByteBuffer kept = content;
    if (content != null && chunk.getEncoding() != ChunkEncoding.RAW) {
      kept = ByteBuffer.allocate(content.remaining()).put(content.duplicate()).flip();
    }
    return new Buffered(chunk.getByteOffset(), chunk.getSizeBytes(), kept);
  }
}
