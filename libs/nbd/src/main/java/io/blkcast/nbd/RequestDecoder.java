package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a stream of bytes into requests. For one thread.
 *
 * <p>The payload of a large write is not copied: {@link #room} offers the place where it belongs to
 * whoever reads the socket, and while large writes follow each other, reads no further than the
 * next header before. Smaller payloads come many at a time and are copied to where each can be
 * freed by itself, so that what a request counts for is what it holds.
 */
final class RequestDecoder {

  private static final int HEADER = 28;

  /** What is received at a time, where no large payload is expected. */
  private static final int RECEIVE = 64 << 10;

  /** From here on a system call more costs less than a copy. */
  private static final int LARGE = 16 << 10;

  private final ByteBufAllocator allocator;
  private final Predicate<Request> admission;
  private final ByteBuf header = Unpooled.buffer(HEADER, HEADER);
  private @Nullable Request head;
  private @Nullable ByteBuf payload;
  private @Nullable ByteBuf lent;
  private long payloads;
  private boolean admitted;
  private boolean largeWrites;

  /**
   * @param admission asked once a request's header is known, before memory is taken for its
   *     payload; while it says no, nothing more is read
   */
  RequestDecoder(ByteBufAllocator allocator, Predicate<Request> admission) {
    this.allocator = allocator;
    this.admission = admission;
  }

  /** Where to receive the next bytes: to be given to {@link #next}, or {@link #unused}. */
  ByteBuf room() {
    ByteBuf begun = payload;
    if (begun != null && lent == null && begun.capacity() >= LARGE) {
      lent = begun.retainedSlice(begun.writerIndex(), begun.writableBytes()).writerIndex(0);
      return lent;
    }
    return allocator.directBuffer(largeWrites && head == null ? HEADER : RECEIVE);
  }

  /** The room offered last was freed, since nothing came. */
  void unused() {
    lent = null;
  }

  /**
   * The next request that is whole.
   *
   * @return null when more bytes are needed, or the next request is not admitted yet
   * @throws ProtocolException when the stream makes no sense from here on
   */
  @Nullable Request next(ByteBuf in) throws ProtocolException {
    Request request = head;
    if (request == null) {
      request = readHeader(in);
      if (request == null) {
        return null;
      }
      head = request;
    }
    if (!admitted && !(admitted = admission.test(request))) {
      return null;
    }
    if (request.type() == Nbd.CMD_WRITE && request.length() > 0) {
      ByteBuf data = readPayload(in, (int) request.length());
      if (data == null) {
        return null;
      }
      request =
          new Request(
              request.flags(),
              request.type(),
              request.cookie(),
              request.offset(),
              request.length(),
              data);
    }
    largeWrites = request.payload().readableBytes() >= LARGE;
    head = null;
    admitted = false;
    return request;
  }

  /** Whether a request was not admitted; {@link #next} asks again, even without more bytes. */
  boolean refused() {
    return head != null && !admitted;
  }

  /** Whether a payload has begun to come in and is not whole. */
  boolean isReceiving() {
    return payload != null;
  }

  /** Which payload has begun to come in and is not whole, counted from 1; 0 if none. */
  long payload() {
    return isReceiving() ? payloads : 0;
  }

  /** Frees what was received of a request that will not be finished. */
  void close() {
    if (payload != null) {
      payload.release();
      payload = null;
    }
  }

  private @Nullable Request readHeader(ByteBuf in) throws ProtocolException {
    ByteBuf from = in;
    if (header.isReadable() || in.readableBytes() < HEADER) {
      in.readBytes(header, Math.min(header.writableBytes(), in.readableBytes()));
      if (header.isWritable()) {
        return null;
      }
      from = header;
    }
    int magic = from.readInt();
    if (magic != Nbd.REQUEST_MAGIC) {
      throw new ProtocolException(
          "a request begins with " + Integer.toHexString(magic) + ", not its magic number");
    }
    Request request =
        new Request(
            from.readUnsignedShort(),
            from.readUnsignedShort(),
            from.readLong(),
            from.readLong(),
            from.readUnsignedInt());
    header.clear();
    if (request.type() == Nbd.CMD_WRITE && request.length() > Nbd.MAX_PAYLOAD) {
      throw new ProtocolException(
          "a write of " + request.length() + " bytes, more than the announced " + Nbd.MAX_PAYLOAD);
    }
    return request;
  }

  private @Nullable ByteBuf readPayload(ByteBuf in, int length) {
    ByteBuf begun = payload;
    if (begun == null) {
      begun = allocator.directBuffer(length, length);
      payload = begun;
      payloads++;
    }
    if (in == lent) {
      // Received in its place already.
      lent = null;
      begun.writerIndex(begun.writerIndex() + in.readableBytes());
      in.skipBytes(in.readableBytes());
    } else {
      in.readBytes(begun, Math.min(begun.writableBytes(), in.readableBytes()));
    }
    if (begun.isWritable()) {
      return null;
    }
    payload = null;
    return begun;
  }
}
