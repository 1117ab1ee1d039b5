package io.blkcast.codec;

import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** Decodes {@code DataChunk}s of the current schema without copying the payload. */
final class ChunkDecoder {

  private static final ChunkEncoding[] ENCODINGS = ChunkEncoding.values();

  private ChunkDecoder() {}

  /**
   * Decodes the body, which must end where the buffer does.
   *
   * @return the chunk, whose payload is a slice of the buffer; not read-only, because checksums and
   *     decompression are fast only on the array behind it
   */
  static DataChunk decode(ByteBuffer body) {
    String volume = string(body, "volume");
    UUID incrementId = uuid(string(body, "increment_id"));
    long sequence = Varint.get(body, "sequence");
    long byteOffset = Varint.get(body, "byte_offset");
    long sizeBytes = Varint.get(body, "size_bytes");
    long crc32c = Varint.get(body, "crc32c");
    if (crc32c != (int) crc32c) {
      throw CodecException.malformed("crc32c exceeds 32 bits: " + crc32c);
    }
    long encoding = Varint.get(body, "encoding");
    if (encoding < 0 || encoding >= ENCODINGS.length) {
      throw CodecException.malformed("encoding " + encoding + " does not exist");
    }
    int length = Varint.getLength(body, "payload");
    if (length != body.remaining()) {
      throw CodecException.malformed(
          body.remaining() - length + " bytes follow the end of the record");
    }
    return new DataChunk(
        volume,
        incrementId,
        sequence,
        byteOffset,
        sizeBytes,
        (int) crc32c,
        ENCODINGS[(int) encoding],
        body.slice());
  }

  private static String string(ByteBuffer in, String field) {
    byte[] bytes = new byte[Varint.getLength(in, field)];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static UUID uuid(String text) {
    try {
      return UUID.fromString(text);
    } catch (IllegalArgumentException e) {
      throw new CodecException(
          CodecException.Code.MALFORMED, "increment_id is no UUID: '" + text + "'", e);
    }
  }
}
