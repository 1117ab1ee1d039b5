package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.DefaultMaxMessagesRecvByteBufAllocator;
import org.jspecify.annotations.Nullable;

/** Lets the decoder of a connection say where its socket is read to. */
final class Reception extends DefaultMaxMessagesRecvByteBufAllocator {

  /** Before requests begin. */
  private static final int NEGOTIATION = 2048;

  /** Reads of the socket before the event loop looks after others. */
  private static final int READS = 64;

  private @Nullable RequestDecoder decoder;

  Reception() {
    super(READS);
  }

  /** From now on. On the event loop. */
  void receiveFor(RequestDecoder requests) {
    decoder = requests;
  }

  @Override
  public Handle newHandle() {
    return new MaxMessageHandle() {
      @Override
      public ByteBuf allocate(ByteBufAllocator allocator) {
        return decoder == null ? allocator.directBuffer(NEGOTIATION) : decoder.room();
      }

      @Override
      public void lastBytesRead(int bytes) {
        if (bytes <= 0 && decoder != null) {
          decoder.unused();
        }
        super.lastBytesRead(bytes);
      }

      @Override
      public int guess() {
        return NEGOTIATION;
      }
    };
  }
}
