package io.blkcast.codec;

import java.nio.ByteBuffer;

/** Avro's variable-length zig-zag numbers: seven bits a byte, the lowest first. */
final class Varint {

  private static final int MAX_BYTES = 10;

  private Varint() {}

  /** Bytes that the number takes, 1..10. */
  static int size(long value) {
    long zigzag = (value << 1) ^ (value >> 63);
    return zigzag == 0 ? 1 : (70 - Long.numberOfLeadingZeros(zigzag)) / 7;
  }

  /** Writes the number; returns the position after it. */
  static int put(byte[] array, int position, long value) {
    long rest = (value << 1) ^ (value >> 63);
    int at = position;
    while ((rest & ~0x7FL) != 0) {
      array[at++] = (byte) (rest | 0x80);
      rest >>>= 7;
    }
    array[at++] = (byte) rest;
    return at;
  }

  /** Reads a number and advances the buffer. */
  static long get(ByteBuffer in, String field) {
    long zigzag = 0;
    for (int i = 0; i < MAX_BYTES; i++) {
      if (!in.hasRemaining()) {
        throw CodecException.malformed("record ends within " + field);
      }
      byte b = in.get();
      if (i == MAX_BYTES - 1 && (b & 0xFE) != 0) {
        break;
      }
      zigzag |= (b & 0x7FL) << (7 * i);
      if (b >= 0) {
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
    }
    throw CodecException.malformed(field + " is no number of Avro's: more than 64 bits");
  }

  /** Reads a length and checks that so much remains. */
  static int getLength(ByteBuffer in, String field) {
    long length = get(in, field);
    if (length < 0 || length > in.remaining()) {
      throw CodecException.malformed(
          field + " claims " + length + " bytes, " + in.remaining() + " remain");
    }
    return (int) length;
  }
}
