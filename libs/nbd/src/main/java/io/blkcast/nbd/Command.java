package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Serves requests of one connection from its store; blocks, and may run on several threads. */
final class Command {

  private static final Logger LOG = LoggerFactory.getLogger(Command.class);

  /** Shorter reads are not worth asking for holes. */
  private static final int HOLE_WORTH = 32 << 10;

  /** Most runs in a block status reply; the client asks on from there. */
  static final int MAX_RUNS = 4096;

  static final int RUN_BYTES = 8;

  /** What Java makes of ENOSPC on Linux; it tells no number. */
  private static final String DISK_FULL = "No space left on device";

  private final Agreement agreed;
  private final BlockStore store;
  private final ByteBufAllocator allocator;

  Command(Agreement agreed, ByteBufAllocator allocator) {
    this.agreed = agreed;
    this.store = agreed.store();
    this.allocator = allocator;
  }

  /** Does what the request wants and returns the whole reply. Does not release the payload. */
  ByteBuf serve(Request request) {
    try {
      check(request);
      return switch (request.type()) {
        case Nbd.CMD_READ -> read(request);
        case Nbd.CMD_BLOCK_STATUS -> blockStatus(request);
        default -> {
          change(request);
          yield done(request, 0);
        }
      };
    } catch (NbdException e) {
      return failed(request, e.error(), e);
    } catch (OutOfMemoryError e) {
      return failed(request, NbdException.Error.NO_MEMORY, e);
    } catch (Throwable e) {
      // Whatever it is, the client waits for an answer.
      LOG.warn(
          "export '{}': command {} at {}, {} bytes failed",
          agreed.name(),
          request.type(),
          request.offset(),
          request.length(),
          e);
      boolean full = String.valueOf(e.getMessage()).contains(DISK_FULL);
      return failed(request, full ? NbdException.Error.NO_SPACE : NbdException.Error.IO, e);
    }
  }

  private void change(Request request) throws IOException {
    long offset = request.offset();
    long length = request.length();
    switch (request.type()) {
      case Nbd.CMD_WRITE -> {
        if (length > 0) {
          store.write(offset, request.payload().nioBuffer());
        }
      }
      case Nbd.CMD_FLUSH -> store.flush();
      case Nbd.CMD_TRIM -> store.trim(offset, length);
      case Nbd.CMD_WRITE_ZEROES ->
          store.writeZeroes(
              offset,
              length,
              request.has(Nbd.CMD_FLAG_NO_HOLE),
              request.has(Nbd.CMD_FLAG_FAST_ZERO));
      default ->
          throw new NbdException(
              NbdException.Error.INVALID, "command " + request.type() + " is not supported");
    }
    if (request.has(Nbd.CMD_FLAG_FUA)) {
      store.flush();
    }
  }

  private void check(Request request) throws NbdException {
    int type = request.type();
    int allowed =
        Nbd.CMD_FLAG_FUA
            | switch (type) {
              case Nbd.CMD_READ -> agreed.structured() ? Nbd.CMD_FLAG_DF : 0;
              case Nbd.CMD_WRITE_ZEROES -> Nbd.CMD_FLAG_NO_HOLE | Nbd.CMD_FLAG_FAST_ZERO;
              case Nbd.CMD_BLOCK_STATUS -> Nbd.CMD_FLAG_REQ_ONE;
              default -> 0;
            };
    if ((request.flags() & ~allowed) != 0) {
      throw new NbdException(NbdException.Error.INVALID, "a flag that the command does not have");
    }
    boolean changes = type == Nbd.CMD_WRITE || type == Nbd.CMD_TRIM || type == Nbd.CMD_WRITE_ZEROES;
    if (changes && store.readOnly()) {
      throw new NbdException(NbdException.Error.NOT_PERMITTED, "the export is read-only");
    }
    long size = store.size();
    long offset = request.offset();
    if (offset < 0 || offset > size || request.length() > size - offset) {
      throw new NbdException(
          changes && type != Nbd.CMD_TRIM
              ? NbdException.Error.NO_SPACE
              : NbdException.Error.INVALID,
          "beyond the end of the export");
    }
    if (type == Nbd.CMD_READ && request.length() > Nbd.MAX_PAYLOAD) {
      throw new NbdException(NbdException.Error.OVERFLOW, "more than fits into a reply");
    }
    if (type == Nbd.CMD_BLOCK_STATUS && (!agreed.allocation() || request.length() == 0)) {
      throw new NbdException(
          NbdException.Error.INVALID, "block status needs a length and a negotiated context");
    }
  }

  private ByteBuf read(Request request) throws IOException {
    int length = (int) request.length();
    if (length == 0) {
      return done(request, 0);
    }
    if (agreed.structured() && !request.has(Nbd.CMD_FLAG_DF) && length >= HOLE_WORTH) {
      return readAroundHoles(request, length);
    }
    ByteBuf out =
        allocator.directBuffer(
            length + (agreed.structured() ? Replies.DATA_HEADER_BYTES : Replies.SIMPLE_BYTES));
    try {
      if (agreed.structured()) {
        Replies.data(out, true, request.cookie(), request.offset(), length);
      } else {
        Replies.simple(out, 0, request.cookie());
      }
      readInto(out, request.offset(), length);
      return out;
    } catch (Throwable e) {
      out.release();
      throw e;
    }
  }

  private ByteBuf readAroundHoles(Request request, int length) throws IOException {
    ByteBuf out = allocator.directBuffer(Replies.DATA_HEADER_BYTES);
    try {
      long end = request.offset() + length;
      for (long at = request.offset(); at < end; ) {
        int bytes = dataAt(at, end);
        if (bytes > 0) {
          out.ensureWritable(Replies.DATA_HEADER_BYTES + bytes);
          Replies.data(out, at + bytes == end, request.cookie(), at, bytes);
          readInto(out, at, bytes);
        } else {
          bytes = -bytes;
          Replies.hole(out, at + bytes == end, request.cookie(), at, bytes);
        }
        at += bytes;
      }
      return out;
    } catch (Throwable e) {
      out.release();
      throw e;
    }
  }

  /** Length of the data from here to the next hole worth telling; that of such a hole, negated. */
  private int dataAt(long from, long end) throws IOException {
    long at = from;
    while (at < end) {
      long run = store.run(at, end - at);
      if (-run >= HOLE_WORTH || -run == end - from) {
        return (int) (at == from ? run : at - from);
      }
      at += Math.abs(run);
    }
    return (int) (end - from);
  }

  private void readInto(ByteBuf out, long offset, int length) throws IOException {
    ByteBuffer room = out.nioBuffer(out.writerIndex(), length);
    store.read(offset, room);
    out.writerIndex(out.writerIndex() + length);
  }

  private ByteBuf blockStatus(Request request) throws IOException {
    boolean one = request.has(Nbd.CMD_FLAG_REQ_ONE);
    ByteBuf runs = allocator.buffer(64);
    try {
      long end = request.offset() + request.length();
      int count = 0;
      for (long at = request.offset(); at < end && count < (one ? 1 : MAX_RUNS); count++) {
        long run = store.run(at, end - at);
        runs.writeInt((int) Math.abs(run));
        runs.writeInt(run < 0 ? Nbd.STATE_HOLE | Nbd.STATE_ZERO : 0);
        at += Math.abs(run);
      }
      ByteBuf out = allocator.directBuffer(Replies.CHUNK_HEADER_BYTES + 4 + runs.readableBytes());
      Replies.chunk(out, true, Nbd.REPLY_BLOCK_STATUS, request.cookie(), 4 + runs.readableBytes());
      return out.writeInt(Nbd.BASE_ALLOCATION_ID).writeBytes(runs);
    } finally {
      runs.release();
    }
  }

  private ByteBuf failed(Request request, NbdException.Error error, Throwable cause) {
    if (agreed.structured()) {
      ByteBuf out = allocator.directBuffer(64);
      Replies.error(out, request.cookie(), error.number(), String.valueOf(cause.getMessage()));
      return out;
    }
    return done(request, error.number());
  }

  private ByteBuf done(Request request, int error) {
    ByteBuf out = allocator.directBuffer(Replies.CHUNK_HEADER_BYTES);
    if (agreed.structured() && request.type() == Nbd.CMD_READ) {
      Replies.chunk(out, true, Nbd.REPLY_NONE, request.cookie(), 0);
    } else {
      Replies.simple(out, error, request.cookie());
    }
    return out;
  }
}
