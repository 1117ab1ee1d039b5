package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelOutboundBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Whether a client gets on with what it has begun. Looked at once a period: a write's payload that
 * has been coming in, or replies that have been waiting to be taken, from one look to the next must
 * have moved by a least number of bytes. Who has nothing under way, or finishes it in between, may
 * take any time. On the socket's event loop only.
 */
final class Pace {

  /**
   * Periods in a row in which too little was taken. The kernel takes from us by the third of its
   * buffer, which is a MiB and more: it may take nothing while a slow client is getting on.
   */
  private static final int SLOW_READS = 2;

  private long received;
  private long receivedBefore;
  private long payloadBefore;
  private long queued;
  private long takenBefore;
  private long repliesLeft;
  private boolean leftBefore;
  private boolean drained;
  private int slowReads;

  /** Bytes have come in. */
  void received(int bytes) {
    received += bytes;
  }

  /** Replies are handed to the socket. */
  void queued(int replies, long bytes) {
    repliesLeft += replies;
    queued += bytes;
  }

  /** Replies have gone to the kernel. */
  void sent(int replies) {
    repliesLeft -= replies;
    drained |= repliesLeft == 0;
  }

  /**
   * A look at the end of a period.
   *
   * @param payload the number of the payload that is coming in; 0 for none
   * @param left what the socket has not taken yet
   * @param least bytes that must have been moved
   * @return what the client does too slowly, if so
   */
  Optional<String> look(long payload, @Nullable ChannelOutboundBuffer left, long least) {
    boolean slowWrite =
        payload != 0 && payload == payloadBefore && received - receivedBefore < least;
    receivedBefore = received;
    payloadBefore = payload;
    long taken = queued - bytesIn(left);
    boolean slowRead = leftBefore && !drained && taken - takenBefore < least;
    slowReads = slowRead ? slowReads + 1 : 0;
    takenBefore = taken;
    leftBefore = repliesLeft > 0;
    drained = false;
    if (slowWrite) {
      return Optional.of("sends a write");
    }
    return slowReads >= SLOW_READS ? Optional.of("takes its replies") : Optional.empty();
  }

  private static long bytesIn(@Nullable ChannelOutboundBuffer buffer) {
    if (buffer == null) {
      return 0;
    }
    long[] sum = {0};
    try {
      buffer.forEachFlushedMessage(
          message -> {
            sum[0] += message instanceof ByteBuf bytes ? bytes.readableBytes() : 0;
            return true;
          });
    } catch (Exception e) {
      throw new ChannelException(e);
    }
    return sum[0];
  }
}
