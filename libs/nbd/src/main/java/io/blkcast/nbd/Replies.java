package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;

/** Writes replies. */
final class Replies {

  static final int SIMPLE_BYTES = 16;
  static final int CHUNK_HEADER_BYTES = 20;
  static final int DATA_HEADER_BYTES = CHUNK_HEADER_BYTES + 8;

  private Replies() {}

  static void simple(ByteBuf out, int error, long cookie) {
    out.writeInt(Nbd.SIMPLE_REPLY_MAGIC).writeInt(error).writeLong(cookie);
  }

  static void chunk(ByteBuf out, boolean done, int type, long cookie, int length) {
    out.writeInt(Nbd.STRUCTURED_REPLY_MAGIC);
    out.writeShort(done ? Nbd.REPLY_FLAG_DONE : 0).writeShort(type);
    out.writeLong(cookie).writeInt(length);
  }

  /** The header of a data chunk; the data follows it. */
  static void data(ByteBuf out, boolean done, long cookie, long offset, int length) {
    chunk(out, done, Nbd.REPLY_OFFSET_DATA, cookie, 8 + length);
    out.writeLong(offset);
  }

  static void hole(ByteBuf out, boolean done, long cookie, long offset, int length) {
    chunk(out, done, Nbd.REPLY_OFFSET_HOLE, cookie, 12);
    out.writeLong(offset).writeInt(length);
  }

  static void error(ByteBuf out, long cookie, int error, String message) {
    byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(bytes.length, Nbd.MAX_STRING);
    chunk(out, true, Nbd.REPLY_ERROR, cookie, 6 + length);
    out.writeInt(error).writeShort(length).writeBytes(bytes, 0, length);
  }
}
