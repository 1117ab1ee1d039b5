package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * One request.
 *
 * @param flags command flags
 * @param type command
 * @param cookie the client's own mark, sent back with the reply
 * @param length 0 to 2^32 - 1
 * @param payload of a write: direct, {@code length} bytes, to be released; else empty
 */
record Request(int flags, int type, long cookie, long offset, long length, ByteBuf payload) {

  Request(int flags, int type, long cookie, long offset, long length) {
    this(flags, type, cookie, offset, length, Unpooled.EMPTY_BUFFER);
  }

  boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /** Bytes of memory that serving this takes at most: for the payload, or for the reply. */
  long cost() {
    return 64
        + switch (type) {
          case Nbd.CMD_READ, Nbd.CMD_WRITE -> Math.min(length, Nbd.MAX_PAYLOAD);
          case Nbd.CMD_BLOCK_STATUS -> Command.MAX_RUNS * (long) Command.RUN_BYTES;
          default -> 0;
        };
  }
}
