package io.blkcast.client;

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
   * Copies the content: what unpacked it uses its buffer again, and a payload as it came would keep
   * all that was fetched with it in memory, many times its size.
   */
  static Buffered of(DataChunk chunk, @Nullable ByteBuffer content) {
    return new Buffered(
        chunk.getByteOffset(),
        chunk.getSizeBytes(),
        content == null ? null : RecordReader.copy(content));
  }
}
