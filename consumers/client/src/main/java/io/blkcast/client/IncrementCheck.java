package io.blkcast.client;

import static io.blkcast.client.IncrementException.Code.CORRUPT;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import io.blkcast.codec.ChunkContent;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementCommitted;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Holds the chunks of one increment against its manifest: each chunk's bounds, size and CRC-32C as
 * it comes; at the end that all came, once each, without overlap, and amount to the content digest.
 * Chunks may come in any order within {@link Sequence#WINDOW}. Memory is bounded.
 */
final class IncrementCheck implements Closeable {

  /** Most bytes of content in one data chunk. */
  static final int MAX_CONTENT = ChunkContent.MOST_BYTES;

  private final IncrementCommitted manifest;
  private final Sequence sequence = new Sequence();
  private final LeafDigest digest;
  private final CRC32C crc = new CRC32C();
  private @Nullable ZstdDecompressCtx zstd;
  private ByteBuffer plain = ByteBuffer.allocate(0);
  private long changed;
  private long zeroes;
  private long payload;

  /**
   * @param directory for the digest's temporary file
   */
  IncrementCheck(IncrementCommitted manifest, Path directory) {
    this.manifest = manifest;
    this.digest = new LeafDigest(directory);
  }

  /**
   * Checks a chunk that carries the increment's id.
   *
   * @return the plain content, valid until the next call; null when all zero
   */
  @Nullable ByteBuffer accept(DataChunk chunk) throws IncrementException {
    long offset = chunk.getByteOffset();
    long size = chunk.getSizeBytes();
    long capacity = manifest.getVolumeCapacityBytes();
    if (!chunk.getVolume().equals(manifest.getVolume())) {
      throw corrupt(chunk, "is of volume " + chunk.getVolume());
    }
    if (offset < 0 || size < 1 || size > capacity || offset > capacity - size) {
      throw corrupt(chunk, "lies outside the volume of " + capacity + " bytes");
    }
    switch (sequence.see(chunk.getSequence())) {
      case NEW -> {}
      case DUPLICATE -> throw corrupt(chunk, "came twice");
      case BEYOND ->
          throw corrupt(chunk, "came while sequence " + sequence.next() + " is still missing");
    }
    if (chunk.getSequence() >= manifest.getChunkCount()) {
      throw corrupt(chunk, "is one more than the manifest's " + manifest.getChunkCount());
    }
    if (chunk.getEncoding() == ChunkEncoding.ZERO) {
      zeroes += size;
    }
    changed += size;
    // What the manifest names is an upper bound while reading, so that memory is bounded by it.
    if (zeroes > manifest.getZeroBytes()
        || changed - zeroes > manifest.getChangedBytes() - manifest.getZeroBytes()) {
      throw corrupt(chunk, "goes beyond the bytes that the manifest names");
    }
    payload += chunk.getPayload().remaining();
    if (chunk.getEncoding() == ChunkEncoding.ZERO) {
      if (chunk.getPayload().hasRemaining()) {
        throw corrupt(chunk, "is all zero and has a payload");
      }
      digest.zero(offset, size);
      return null;
    }
    ByteBuffer content = decode(chunk);
    crc.reset();
    crc.update(content.duplicate());
    if ((int) crc.getValue() != chunk.getCrc32c()) {
      throw corrupt(chunk, "has a wrong CRC-32C");
    }
    digest.data(offset, content);
    return content;
  }

  private ByteBuffer decode(DataChunk chunk) throws IncrementException {
    ByteBuffer encoded = chunk.getPayload();
    long size = chunk.getSizeBytes();
    if (size > MAX_CONTENT) {
      throw corrupt(chunk, "holds more than " + MAX_CONTENT + " bytes");
    }
    if (chunk.getEncoding() == ChunkEncoding.RAW) {
      if (encoded.remaining() != size) {
        throw corrupt(chunk, "has a payload of " + encoded.remaining() + " bytes");
      }
      return encoded;
    }
    return decompress(chunk, encoded, (int) size);
  }

  private ByteBuffer decompress(DataChunk chunk, ByteBuffer encoded, int size)
      throws IncrementException {
    if (zstd == null) {
      zstd = new ZstdDecompressCtx();
    }
    if (plain.capacity() < size) {
      plain = ByteBuffer.allocate(size);
    }
    byte[] from = new byte[0];
    int at = 0;
    if (encoded.hasArray()) {
      from = encoded.array();
      at = encoded.arrayOffset() + encoded.position();
    } else {
      from = new byte[encoded.remaining()];
      encoded.duplicate().get(from);
    }
    try {
      int n = zstd.decompressByteArray(plain.array(), 0, size, from, at, encoded.remaining());
      if (n != size) {
        throw corrupt(chunk, "unpacks to " + n + " bytes");
      }
    } catch (ZstdException e) {
      throw corrupt(chunk, "does not unpack: " + e.getMessage());
    }
    return plain.clear().limit(size);
  }

  /** Checks that all of the increment has come. Call once. */
  void finish() throws IncrementException {
    expect("chunks", manifest.getChunkCount(), sequence.next());
    if (!sequence.isExactly(manifest.getChunkCount())) {
      throw corrupt("the chunk of sequence " + sequence.next() + " is missing");
    }
    expect("changed bytes", manifest.getChangedBytes(), changed);
    expect("zero bytes", manifest.getZeroBytes(), zeroes);
    expect("payload bytes", manifest.getPayloadBytes(), payload);
    try {
      byte[] actual = digest.finish();
      if (actual == null) {
        throw corrupt("chunks overlap");
      }
      if (!manifest.getContentDigest().equals(ByteBuffer.wrap(actual))) {
        throw corrupt("the content digest differs");
      }
    } catch (IOException e) {
      throw new IncrementException(
          IncrementException.Code.SINK, "the temporary file for digests failed: " + e, e);
    }
  }

  private void expect(String what, long expected, long actual) throws IncrementException {
    if (expected != actual) {
      throw corrupt("the manifest names " + expected + " " + what + ", found " + actual);
    }
  }

  private IncrementException corrupt(DataChunk chunk, String why) {
    return corrupt(
        "chunk %d (offset %d, %d bytes, %s) %s"
            .formatted(
                chunk.getSequence(),
                chunk.getByteOffset(),
                chunk.getSizeBytes(),
                chunk.getEncoding(),
                why));
  }

  private IncrementException corrupt(String why) {
    return new IncrementException(
        CORRUPT, "increment " + manifest.getIncrementId() + " is corrupt: " + why);
  }

  @Override
  public void close() {
    if (zstd != null) {
      zstd.close();
    }
    try {
      digest.close();
    } catch (IOException e) {
      // a temporary file that is deleted anyway: nothing is lost
    }
  }
}
