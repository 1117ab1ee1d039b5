package io.blkcast.exporter.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a stream of bytes into requests. A payload that lies whole in what was received is passed on
 * without being copied. For one thread.
 */
final class RequestDecoder {

  private static final int HEADER = 28;

  private final ByteBufAllocator allocator;
  private final Predicate<Request> admission;
  private final ByteBuf header = Unpooled.buffer(HEADER, HEADER);
  private @Nullable Request head;
  private @Nullable ByteBuf payload;
  private boolean admitted;

  /**
   * @param admission asked once a request's header is known, before memory is taken for its
   *     payload; while it says no, nothing more is read
   */
  RequestDecoder(ByteBufAllocator allocator, Predicate<Request> admission) {
    this.allocator = allocator;
    this.admission = admission;
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
    head = null;
    admitted = false;
    return request;
  }

  /** Whether a request was not admitted; {@link #next} asks again, even without more bytes. */
  boolean refused() {
    return head != null && !admitted;
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
    if (payload == null && in.isDirect() && in.readableBytes() >= length) {
      return in.readRetainedSlice(length);
    }
    if (payload == null) {
      payload = allocator.directBuffer(length, length);
    }
    in.readBytes(payload, Math.min(payload.writableBytes(), in.readableBytes()));
    if (payload.isWritable()) {
      return null;
    }
    ByteBuf whole = payload;
    payload = null;
    return whole;
  }
}
