package io.blkcast.exporter.publish;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Tells whether a buffer holds only zeroes. */
final class Zeroes {

  private static final VarHandle LONG =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());
  private static final int STRIDE = 8 * Long.BYTES;

  private Zeroes() {}

  /** Looks at position to limit, which stay as they are; stops at the first byte that is not 0. */
  static boolean only(ByteBuffer buffer) {
    int at = buffer.position();
    int limit = buffer.limit();
    for (; at <= limit - STRIDE; at += STRIDE) {
      long any =
          (long) LONG.get(buffer, at)
              | (long) LONG.get(buffer, at + 8)
              | (long) LONG.get(buffer, at + 16)
              | (long) LONG.get(buffer, at + 24)
              | (long) LONG.get(buffer, at + 32)
              | (long) LONG.get(buffer, at + 40)
              | (long) LONG.get(buffer, at + 48)
              | (long) LONG.get(buffer, at + 56);
      if (any != 0) {
        return false;
      }
    }
    for (; at < limit; at++) {
      if (buffer.get(at) != 0) {
        return false;
      }
    }
    return true;
  }
}
