package io.blkcast.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class RequestDecoderTest {

  private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true);
  private final RequestDecoder decoder = new RequestDecoder(allocator, request -> true);

  private static void header(ByteBuf out, int flags, int type, long cookie, long at, int length) {
    out.writeInt(0x25609513).writeShort(flags).writeShort(type);
    out.writeLong(cookie).writeLong(at).writeInt(length);
  }

  @Test
  void findsRequestsHoweverTheStreamIsCut() throws Exception {
    Random random = new Random(7);
    ByteBuf stream = Unpooled.directBuffer();
    List<byte[]> payloads = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      byte[] payload = new byte[random.nextInt(3) == 0 ? 0 : random.nextInt(9000)];
      random.nextBytes(payload);
      payloads.add(payload);
      header(
          stream,
          i % 2,
          payload.length == 0 ? Nbd.CMD_READ : Nbd.CMD_WRITE,
          i,
          i * 512L,
          payload.length == 0 ? 4096 : payload.length);
      stream.writeBytes(payload);
    }
    int found = 0;
    while (stream.isReadable()) {
      int bytes =
          Math.min(1 + random.nextInt(20_000) / (1 + random.nextInt(100)), stream.readableBytes());
      ByteBuf part = allocator.directBuffer(bytes).writeBytes(stream, bytes);
      for (Request request; (request = decoder.next(part)) != null; found++) {
        assertThat(request.cookie()).isEqualTo(found);
        assertThat(request.offset()).isEqualTo(found * 512L);
        assertThat(request.flags()).isEqualTo(found % 2);
        byte[] payload = new byte[request.payload().readableBytes()];
        request.payload().readBytes(payload);
        assertThat(payload).isEqualTo(payloads.get(found));
        request.payload().release();
      }
      assertThat(part.isReadable()).isFalse();
      part.release();
    }
    assertThat(found).isEqualTo(200);
    assertThat(allocator.metric().usedDirectMemory()).as("leaked bytes").isZero();
  }

  @Test
  void receivesLargePayloadsInTheirPlaceAndReadsNoFurtherThanTheNextHeader() throws Exception {
    ByteBuf stream = Unpooled.directBuffer();
    byte[][] payloads = new byte[4][300_000];
    for (int i = 0; i < payloads.length; i++) {
      new Random(i).nextBytes(payloads[i]);
      header(stream, 0, Nbd.CMD_WRITE, i, 0, payloads[i].length);
      stream.writeBytes(payloads[i]);
    }
    int found = 0;
    long copied = 0;
    while (stream.isReadable()) {
      ByteBuf room = decoder.room();
      boolean inPlace = room.unwrap() != null;
      int bytes = Math.min(Math.min(room.writableBytes(), 50_000), stream.readableBytes());
      room.writeBytes(stream, bytes);
      copied += inPlace ? 0 : bytes;
      for (Request request; (request = decoder.next(room)) != null; found++) {
        byte[] payload = new byte[request.payload().readableBytes()];
        request.payload().readBytes(payload);
        assertThat(payload).isEqualTo(payloads[found]);
        request.payload().release();
      }
      room.release();
    }
    assertThat(found).isEqualTo(4);
    assertThat(copied).as("the first read, and headers; the payloads' ends").isLessThan(120_000);
    assertThat(allocator.metric().usedDirectMemory()).as("leaked bytes").isZero();
  }

  @Test
  void roomThatWasNotUsedIsOfferedAgain() throws Exception {
    ByteBuf stream = Unpooled.directBuffer();
    header(stream, 0, Nbd.CMD_WRITE, 1, 0, 1 << 20);
    assertThat(decoder.next(stream)).isNull();
    assertThat(decoder.isReceiving()).isTrue();
    ByteBuf first = decoder.room();
    ByteBuf second = decoder.room();
    assertThat(first.writableBytes()).isEqualTo(1 << 20);
    assertThat(second.unwrap()).as("lent once at a time").isNull();
    first.release();
    second.release();
    decoder.unused();
    ByteBuf again = decoder.room();
    assertThat(again.writableBytes()).isEqualTo(1 << 20);
    decoder.close();
    again.release();
    assertThat(allocator.metric().usedDirectMemory()).as("leaked bytes").isZero();
  }

  @Test
  void takesNoMemoryForARequestThatIsNotAdmitted() throws Exception {
    AtomicBoolean admits = new AtomicBoolean();
    RequestDecoder held = new RequestDecoder(allocator, request -> admits.get());
    ByteBuf stream = Unpooled.directBuffer();
    header(stream, 0, Nbd.CMD_WRITE, 1, 0, 1 << 20);
    assertThat(held.next(stream)).isNull();
    assertThat(held.refused()).isTrue();
    assertThat(allocator.metric().usedDirectMemory()).isZero();
    admits.set(true);
    assertThat(held.next(Unpooled.EMPTY_BUFFER)).isNull();
    assertThat(held.refused()).isFalse();
    assertThat(allocator.metric().usedDirectMemory()).isGreaterThanOrEqualTo(1 << 20);
    held.close();
    assertThat(allocator.metric().usedDirectMemory()).isZero();
  }

  @Test
  void refusesAWrongMagicNumberAndAPayloadOverTheLimit() {
    assertThatThrownBy(() -> decoder.next(Unpooled.directBuffer().writeZero(28)))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("magic");
    ByteBuf large = Unpooled.directBuffer();
    header(large, 0, Nbd.CMD_WRITE, 1, 0, (32 << 20) + 1);
    assertThatThrownBy(() -> new RequestDecoder(allocator, r -> true).next(large))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("33554433");
  }

  @Test
  void garbageEndsInAnErrorOrARequestAndNothingElse() {
    Random random = new Random(3);
    int broken = 0;
    for (int i = 0; i < 20_000; i++) {
      RequestDecoder fuzzed = new RequestDecoder(allocator, request -> true);
      ByteBuf bytes = Unpooled.directBuffer();
      byte[] garbage = new byte[random.nextInt(200)];
      random.nextBytes(garbage);
      bytes.writeBytes(garbage);
      for (int at = 0; at + 28 < garbage.length; at += 28) {
        bytes.setInt(at, random.nextInt(10) == 0 ? 0 : 0x25609513);
        bytes.setShort(at + 6, random.nextInt(9));
        bytes.setInt(at + 24, random.nextInt(64));
      }
      try {
        for (Request request; (request = fuzzed.next(bytes)) != null; ) {
          request.payload().release();
        }
      } catch (ProtocolException e) {
        broken++;
      }
      fuzzed.close();
      assertThat(bytes.refCnt()).isEqualTo(1);
      bytes.release();
    }
    assertThat(broken).isBetween(1_000, 19_999);
    assertThat(allocator.metric().usedDirectMemory()).as("leaked bytes").isZero();
  }
}
