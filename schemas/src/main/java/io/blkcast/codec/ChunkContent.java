package io.blkcast.codec;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import java.nio.ByteBuffer;

/**
 * The plain content of chunks, checked against their size and CRC-32C. Uses one buffer again for
 * all that must be decompressed. Not for several threads at once.
 */
public final class ChunkContent implements AutoCloseable {

  /**
   * Most bytes of content in one chunk that is not {@code ZERO}, 16 MiB: far above what a broker
   * lets through untouched, low enough that a forged size cannot exhaust memory. No exporter sends
   * more, no consumer takes more.
   */
  public static final int MOST_BYTES = 16 << 20;

  private final ZstdDecompressCtx zstd = new ZstdDecompressCtx();
  private final int maxSize;
  private byte[] plain = new byte[0];

  /**
   * @param maxSize most bytes of content to make room for, so that a garbled size cannot ask for
   *     more memory than there is
   */
  public ChunkContent(int maxSize) {
    this.maxSize = maxSize;
  }

  /**
   * The content of a chunk that is not {@code ZERO}.
   *
   * @return position to limit: the content; the chunk's own payload where it is {@code RAW}, else a
   *     buffer that the next call uses again
   * @throws CodecException {@code CORRUPTED} where size or CRC-32C do not match
   */
  public ByteBuffer of(DataChunk chunk) {
    ByteBuffer content =
        switch (chunk.getEncoding()) {
          case RAW -> chunk.getPayload().duplicate();
          case ZSTD -> decompress(chunk);
          case ZERO -> throw new IllegalArgumentException("a ZERO chunk has no content to decode");
        };
    if (content.remaining() != chunk.getSizeBytes()) {
      throw corrupted(chunk, "has " + content.remaining() + " bytes, not " + chunk.getSizeBytes());
    }
    int crc = Digests.crc32c(content);
    if (crc != chunk.getCrc32c()) {
      throw corrupted(chunk, String.format("has CRC-32C %08x, not %08x", crc, chunk.getCrc32c()));
    }
    return content;
  }

  /** Whether the chunk stands for zeroes, which need no content. */
  public static boolean isZero(DataChunk chunk) {
    return chunk.getEncoding() == ChunkEncoding.ZERO;
  }

  private ByteBuffer decompress(DataChunk chunk) {
    long size = chunk.getSizeBytes();
    if (size < 1 || size > maxSize) {
      throw corrupted(chunk, "claims " + size + " bytes, more than " + maxSize);
    }
    if (plain.length < size) {
      plain = new byte[(int) size];
    }
    ByteBuffer payload = chunk.getPayload();
    byte[] source;
    int from;
    int length = payload.remaining();
    if (payload.hasArray()) {
      source = payload.array();
      from = payload.arrayOffset() + payload.position();
    } else {
      source = new byte[length];
      from = 0;
      payload.duplicate().get(source);
    }
    try {
      int written = zstd.decompressByteArray(plain, 0, (int) size, source, from, length);
      return ByteBuffer.wrap(plain, 0, written);
    } catch (ZstdException e) {
      throw new CodecException(
          CodecException.Code.CORRUPTED, describe(chunk, "is no zstd frame of its size"), e);
    }
  }

  private static CodecException corrupted(DataChunk chunk, String what) {
    return new CodecException(CodecException.Code.CORRUPTED, describe(chunk, what));
  }

  private static String describe(DataChunk chunk, String what) {
    return "content of chunk "
        + chunk.getSequence()
        + " of increment "
        + chunk.getIncrementId()
        + " at byte "
        + chunk.getByteOffset()
        + " "
        + what;
  }

  @Override
  public void close() {
    zstd.close();
  }
}
