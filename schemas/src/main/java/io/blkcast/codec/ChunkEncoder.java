package io.blkcast.codec;

import io.blkcast.schema.ChunkEncoding;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * Encodes the {@code DataChunk}s of one increment. What they have in common is encoded once; each
 * payload is copied once, into the array that Kafka takes. Not for several threads at once.
 *
 * <p>The array is used again by the next call where the size is the same. {@code
 * KafkaProducer.send} copies it into a batch before it returns, so an array per encoder is enough.
 */
public final class ChunkEncoder {

  private final byte[] prefix;
  private byte[] record = new byte[0];

  ChunkEncoder(byte[] header, String volume, UUID incrementId) {
    byte[] name = volume.getBytes(StandardCharsets.UTF_8);
    byte[] id = incrementId.toString().getBytes(StandardCharsets.US_ASCII);
    prefix =
        new byte
            [header.length
                + Varint.size(name.length)
                + name.length
                + Varint.size(id.length)
                + id.length];
    System.arraycopy(header, 0, prefix, 0, header.length);
    int at = Varint.put(prefix, header.length, name.length);
    System.arraycopy(name, 0, prefix, at, name.length);
    at = Varint.put(prefix, at + name.length, id.length);
    System.arraycopy(id, 0, prefix, at, id.length);
  }

  /**
   * Encodes one chunk; fields as in the schema of {@code DataChunk}.
   *
   * @param payload position to limit; left as it is
   * @return the value, exactly; valid until the next call
   */
  public byte[] encode(
      long sequence,
      long byteOffset,
      long sizeBytes,
      int crc32c,
      ChunkEncoding encoding,
      ByteBuffer payload) {
    int length = payload.remaining();
    int total =
        prefix.length
            + Varint.size(sequence)
            + Varint.size(byteOffset)
            + Varint.size(sizeBytes)
            + Varint.size(crc32c)
            + Varint.size(encoding.ordinal())
            + Varint.size(length)
            + length;
    if (record.length != total) {
      record = new byte[total];
      System.arraycopy(prefix, 0, record, 0, prefix.length);
    }
    int at = Varint.put(record, prefix.length, sequence);
    at = Varint.put(record, at, byteOffset);
    at = Varint.put(record, at, sizeBytes);
    at = Varint.put(record, at, crc32c);
    at = Varint.put(record, at, encoding.ordinal());
    at = Varint.put(record, at, length);
    payload.get(payload.position(), record, at, length);
    return record;
  }
}
