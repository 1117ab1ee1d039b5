package io.blkcast.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CommandTest {

  private static final int EPERM = 1;
  private static final int EIO = 5;
  private static final int EINVAL = 22;
  private static final int ENOSPC = 28;
  private static final int EOVERFLOW = 75;
  private static final int ENOTSUP = 95;

  private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true);
  private final MemoryStore store = new MemoryStore(1 << 20);
  private final Command structured = command(store, true);
  private final Command simple = command(store, false);

  private Command command(BlockStore of, boolean structuredReplies) {
    return new Command(new Agreement("disk", of, structuredReplies, structuredReplies), allocator);
  }

  private static Request request(int type, int flags, long offset, long length) {
    return new Request(flags, type, 0xc00c1e, offset, length);
  }

  private static Request write(int flags, long offset, byte[] data) {
    ByteBuf payload = Unpooled.directBuffer().writeBytes(data);
    return new Request(flags, Nbd.CMD_WRITE, 0xc00c1e, offset, data.length, payload);
  }

  private static int simpleError(ByteBuf reply) {
    assertThat(reply.readInt()).isEqualTo(0x67446698);
    int error = reply.readInt();
    assertThat(reply.readLong()).isEqualTo(0xc00c1e);
    return error;
  }

  private static ByteBuf chunk(ByteBuf reply, int flags, int type) {
    assertThat(reply.readInt()).isEqualTo(0x668e33ef);
    assertThat(reply.readUnsignedShort()).isEqualTo(flags);
    assertThat(reply.readUnsignedShort()).isEqualTo(type);
    assertThat(reply.readLong()).isEqualTo(0xc00c1e);
    return reply.readSlice(reply.readInt());
  }

  private static int structuredError(ByteBuf reply) {
    ByteBuf error = chunk(reply, 1, 0x8001);
    int number = error.readInt();
    assertThat(error.readUnsignedShort()).isEqualTo(error.readableBytes()).isPositive();
    return number;
  }

  @Test
  void writesReadsAndFlushes() {
    byte[] data = new byte[5000];
    new Random(1).nextBytes(data);
    assertThat(simpleError(structured.serve(write(0, 1000, data)))).isZero();
    assertThat(store.flushes).isZero();
    assertThat(simpleError(simple.serve(write(Nbd.CMD_FLAG_FUA, 0, new byte[] {7})))).isZero();
    assertThat(store.flushes).isEqualTo(1);
    assertThat(simpleError(simple.serve(request(Nbd.CMD_FLUSH, 0, 0, 0)))).isZero();
    assertThat(store.flushes).isEqualTo(2);
    ByteBuf read = simple.serve(request(Nbd.CMD_READ, 0, 1000, 5000));
    assertThat(simpleError(read)).isZero();
    assertThat(read).isEqualTo(Unpooled.wrappedBuffer(data));
    ByteBuf chunked = structured.serve(request(Nbd.CMD_READ, 0, 1000, 5000));
    ByteBuf content = chunk(chunked, 1, Nbd.REPLY_OFFSET_DATA);
    assertThat(content.readLong()).isEqualTo(1000);
    assertThat(content).isEqualTo(Unpooled.wrappedBuffer(data));
  }

  @Test
  void readsAroundHolesUnlessToldNotTo() {
    Arrays.fill(store.content, 65536, 131072, (byte) 3);
    ByteBuf reply = structured.serve(request(Nbd.CMD_READ, 0, 0, 196608));
    ByteBuf before = chunk(reply, 0, Nbd.REPLY_OFFSET_HOLE);
    assertThat(before.readLong()).isZero();
    assertThat(before.readInt()).isEqualTo(65536);
    ByteBuf data = chunk(reply, 0, Nbd.REPLY_OFFSET_DATA);
    assertThat(data.readLong()).isEqualTo(65536);
    assertThat(data.readableBytes()).isEqualTo(65536);
    assertThat(data.readByte()).isEqualTo((byte) 3);
    ByteBuf after = chunk(reply, 1, Nbd.REPLY_OFFSET_HOLE);
    assertThat(after.readLong()).isEqualTo(131072);
    assertThat(reply.isReadable()).isFalse();
    ByteBuf whole = structured.serve(request(Nbd.CMD_READ, Nbd.CMD_FLAG_DF, 0, 196608));
    assertThat(chunk(whole, 1, Nbd.REPLY_OFFSET_DATA).readableBytes()).isEqualTo(8 + 196608);
  }

  @Test
  void tellsBlockStatus() {
    Arrays.fill(store.content, 8192, 16384, (byte) 3);
    ByteBuf status = chunk(structured.serve(request(Nbd.CMD_BLOCK_STATUS, 0, 4096, 65536)), 1, 5);
    assertThat(status.readInt()).isEqualTo(Nbd.BASE_ALLOCATION_ID);
    int[] expected = {4096, 3, 8192, 0, 65536 - 12288, 3};
    for (int number : expected) {
      assertThat(status.readInt()).isEqualTo(number);
    }
    assertThat(status.isReadable()).isFalse();
    Request one = request(Nbd.CMD_BLOCK_STATUS, Nbd.CMD_FLAG_REQ_ONE, 4096, 65536);
    assertThat(chunk(structured.serve(one), 1, 5).readableBytes()).isEqualTo(4 + 8);
  }

  @Test
  void aRequestCountsForItsReply() {
    MemoryStore scattered = new MemoryStore(40 << 20);
    for (int at = 0; at < scattered.content.length; at += 8192) {
      scattered.content[at] = 1;
    }
    Request status = request(Nbd.CMD_BLOCK_STATUS, 0, 0, scattered.size());
    ByteBuf reply = command(scattered, true).serve(status);
    assertThat(reply.readableBytes()).isBetween(32 << 10, (int) status.cost());
    reply.release();
  }

  @Test
  void trimsAndZeroes() {
    Arrays.fill(store.content, (byte) 9);
    assertThat(simpleError(simple.serve(request(Nbd.CMD_TRIM, 0, 0, 10)))).isZero();
    assertThat(store.content[9]).isZero();
    assertThat(store.content[10]).isEqualTo((byte) 9);
    Request zero = request(Nbd.CMD_WRITE_ZEROES, Nbd.CMD_FLAG_NO_HOLE, 20, 10);
    assertThat(simpleError(simple.serve(zero))).isZero();
    assertThat(store.content[29]).isZero();
    Request fast = request(Nbd.CMD_WRITE_ZEROES, Nbd.CMD_FLAG_FAST_ZERO, 40, 10);
    assertThat(simpleError(simple.serve(fast))).isEqualTo(ENOTSUP);
  }

  @Test
  void refusesWhatCannotBeWithTheRightNumber() {
    long size = store.size();
    assertThat(structuredError(structured.serve(request(Nbd.CMD_READ, 0, size, 1))))
        .isEqualTo(EINVAL);
    assertThat(structuredError(structured.serve(request(Nbd.CMD_READ, 0, -1, 1))))
        .isEqualTo(EINVAL);
    assertThat(structuredError(structured.serve(write(0, size - 1, new byte[2]))))
        .isEqualTo(ENOSPC);
    assertThat(simpleError(simple.serve(request(Nbd.CMD_TRIM, 0, 1, size)))).isEqualTo(EINVAL);
    assertThat(simpleError(simple.serve(request(Nbd.CMD_READ, Nbd.CMD_FLAG_DF, 0, 1))))
        .isEqualTo(EINVAL);
    assertThat(simpleError(simple.serve(request(Nbd.CMD_BLOCK_STATUS, 0, 0, 1)))).isEqualTo(EINVAL);
    assertThat(simpleError(simple.serve(request(99, 0, 0, 0)))).isEqualTo(EINVAL);
    assertThat(simpleError(simple.serve(request(Nbd.CMD_WRITE, 1 << 9, 0, 0)))).isEqualTo(EINVAL);
    BlockStore large =
        new MemoryStore(512) {
          @Override
          public long size() {
            return 1L << 40;
          }

          @Override
          public boolean readOnly() {
            return true;
          }
        };
    Command onLarge = command(large, true);
    assertThat(structuredError(onLarge.serve(request(Nbd.CMD_READ, 0, 0, (32 << 20) + 1))))
        .isEqualTo(EOVERFLOW);
    assertThat(structuredError(onLarge.serve(write(0, 0, new byte[1])))).isEqualTo(EPERM);
  }

  @Test
  void failuresOfTheStoreBecomeErrorsAndLeakNothing() {
    BlockStore failing =
        new MemoryStore(1 << 20) {
          @Override
          public void read(long offset, ByteBuffer dst) {
            throw new IllegalStateException("broken");
          }

          @Override
          public void write(long offset, ByteBuffer src) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    ByteBuf failed = command(failing, true).serve(request(Nbd.CMD_READ, 0, 0, 4096));
    assertThat(structuredError(failed)).isEqualTo(EIO);
    failed.release();
    ByteBuf large = command(failing, false).serve(request(Nbd.CMD_READ, 0, 0, 1 << 20));
    assertThat(simpleError(large)).isEqualTo(EIO);
    large.release();
    BlockStore broken =
        new MemoryStore(1 << 20) {
          @Override
          public void read(long offset, ByteBuffer dst) {
            throw new InternalError("a page of the store is gone");
          }
        };
    ByteBuf page = command(broken, true).serve(request(Nbd.CMD_READ, 0, 0, 4096));
    assertThat(structuredError(page)).isEqualTo(EIO);
    page.release();
    ByteBuf full = command(failing, true).serve(write(0, 0, new byte[1]));
    assertThat(structuredError(full)).isEqualTo(ENOSPC);
    full.release();
    assertThat(allocator.metric().usedDirectMemory()).isZero();
  }
}
