package io.blkcast.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NegotiationTest {

  private static final int UNSUPPORTED = 0x80000001;
  private static final int INVALID = 0x80000003;
  private static final int UNKNOWN = 0x80000006;

  private final MemoryStore store = new MemoryStore(1 << 20);
  private final Negotiation negotiation =
      new Negotiation(Map.of("disk", store, "other", new MemoryStore(512)), this::hasPlace);
  private boolean full;
  private final ByteBuf in = Unpooled.buffer();
  private final ByteBuf out = Unpooled.buffer();

  private boolean hasPlace(BlockStore wanted) {
    return !full;
  }

  private Negotiation.Next read() throws ProtocolException {
    return negotiation.read(in, out);
  }

  private void flags(int flags) {
    in.writeInt(flags);
  }

  private void option(int number, ByteBuf data) {
    in.writeLong(0x49484156454F5054L).writeInt(number);
    in.writeInt(data.readableBytes()).writeBytes(data);
  }

  private static ByteBuf string(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return Unpooled.buffer().writeInt(bytes.length).writeBytes(bytes);
  }

  private ByteBuf reply(int option, int type) {
    assertThat(out.readLong()).isEqualTo(0x3e889045565a9L);
    assertThat(out.readInt()).isEqualTo(option);
    assertThat(out.readInt()).isEqualTo(type);
    return out.readSlice(out.readInt());
  }

  @Test
  void greetsWithFixedNewstyle() {
    Negotiation.greet(out);
    assertThat(out.readCharSequence(16, StandardCharsets.US_ASCII).toString())
        .isEqualTo("NBDMAGICIHAVEOPT");
    assertThat(out.readUnsignedShort()).isEqualTo(3);
    assertThat(out.isReadable()).isFalse();
  }

  @Test
  void goTellsSizeFlagsAndBlockSizesAndAgrees() throws Exception {
    flags(3);
    option(8, Unpooled.EMPTY_BUFFER);
    option(10, string("disk").writeInt(1).writeBytes(string("base:allocation")));
    option(7, string("disk").writeShort(1).writeShort(1));
    in.writeInt(0x25609513);
    assertThat(read()).isEqualTo(Negotiation.Next.TRANSMIT);
    assertThat(in.readableBytes()).as("left for the requests").isEqualTo(4);
    reply(8, 1);
    ByteBuf context = reply(10, 4);
    assertThat(context.readInt()).isEqualTo(Nbd.BASE_ALLOCATION_ID);
    assertThat(context.toString(StandardCharsets.UTF_8)).isEqualTo("base:allocation");
    reply(10, 1);
    ByteBuf export = reply(7, 3);
    assertThat(export.readUnsignedShort()).isZero();
    assertThat(export.readLong()).isEqualTo(1 << 20);
    assertThat(export.readUnsignedShort()).isEqualTo(0b1001_1110_1101);
    ByteBuf sizes = reply(7, 3);
    assertThat(sizes.readUnsignedShort()).isEqualTo(3);
    assertThat(sizes.readInt()).isEqualTo(1);
    assertThat(sizes.readInt()).isEqualTo(4096);
    assertThat(sizes.readInt()).isEqualTo(32 << 20);
    ByteBuf name = reply(7, 3);
    assertThat(name.readUnsignedShort()).isEqualTo(1);
    assertThat(name.toString(StandardCharsets.UTF_8)).isEqualTo("disk");
    reply(7, 1);
    assertThat(negotiation.agreement()).contains(new Agreement("disk", store, true, true));
  }

  @Test
  void anExportThatHasAllItsClientsIsRefusedAndAnotherMayBeChosen() throws Exception {
    full = true;
    flags(3);
    option(6, string("disk").writeShort(0));
    option(7, string("disk").writeShort(0));
    assertThat(read()).isEqualTo(Negotiation.Next.NEGOTIATE);
    reply(6, 3);
    reply(6, 3);
    reply(6, 1);
    assertThat(reply(7, 0x80000002).toString(StandardCharsets.UTF_8)).contains("as many clients");
    full = false;
    option(7, string("disk").writeShort(0));
    assertThat(read()).isEqualTo(Negotiation.Next.TRANSMIT);
  }

  @Test
  void theOldestWayToChooseItIsRefusedByTheEnd() throws Exception {
    full = true;
    flags(3);
    option(1, Unpooled.copiedBuffer("disk", StandardCharsets.UTF_8));
    assertThat(read()).isEqualTo(Negotiation.Next.CLOSE);
    assertThat(out.isReadable()).isFalse();
    assertThat(negotiation.agreement()).isEmpty();
  }

  @Test
  void namesThatNoExportCanHaveAreNotToldBack() throws Exception {
    flags(3);
    option(7, string("x".repeat(4000)).writeShort(0));
    read();
    assertThat(reply(7, UNKNOWN).readableBytes()).isLessThan(400);
    option(1, Unpooled.copiedBuffer("y".repeat(60_000), StandardCharsets.UTF_8));
    assertThatThrownBy(this::read).hasMessage("a name of 60000 bytes");
  }

  @Test
  void aContextOfAnotherExportDoesNotCount() throws Exception {
    flags(1);
    option(8, Unpooled.EMPTY_BUFFER);
    option(10, string("other").writeInt(1).writeBytes(string("base:allocation")));
    option(7, string("disk").writeShort(0));
    assertThat(read()).isEqualTo(Negotiation.Next.TRANSMIT);
    assertThat(negotiation.agreement()).contains(new Agreement("disk", store, true, false));
  }

  @Test
  void exportNameAnswersWithoutAHeaderAndWithZeroesUnlessToldNot() throws Exception {
    flags(1);
    in.writeLong(0x49484156454F5054L).writeInt(1).writeInt(4).writeBytes("disk".getBytes());
    assertThat(read()).isEqualTo(Negotiation.Next.TRANSMIT);
    assertThat(out.readableBytes()).isEqualTo(8 + 2 + 124);
    assertThat(out.readLong()).isEqualTo(1 << 20);
    assertThat(negotiation.agreement()).contains(new Agreement("disk", store, false, false));
  }

  @Test
  void exportNameOfNothingHangsUp() {
    flags(3);
    in.writeLong(0x49484156454F5054L).writeInt(1).writeInt(3).writeBytes("dis".getBytes());
    assertThatThrownBy(this::read)
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("'dis'");
  }

  @Test
  void listsExportsInOrder() throws Exception {
    flags(3);
    option(3, Unpooled.EMPTY_BUFFER);
    option(3, string(""));
    assertThat(read()).isEqualTo(Negotiation.Next.NEGOTIATE);
    assertThat(reply(3, 2)).isEqualTo(string("disk"));
    assertThat(reply(3, 2)).isEqualTo(string("other"));
    reply(3, 1);
    reply(3, INVALID);
  }

  @Test
  void refusesWhatItDoesNotKnowAndGoesOn() throws Exception {
    flags(3);
    option(5, Unpooled.EMPTY_BUFFER);
    option(11, Unpooled.EMPTY_BUFFER);
    option(4711, string("whatever"));
    option(7, string("nothing").writeShort(0));
    option(7, string("disk"));
    option(6, Unpooled.buffer().writeInt(Integer.MAX_VALUE));
    option(10, string("disk").writeInt(0));
    option(8, string("x"));
    option(6, string("other").writeShort(0));
    option(2, Unpooled.EMPTY_BUFFER);
    assertThat(read()).isEqualTo(Negotiation.Next.CLOSE);
    reply(5, UNSUPPORTED);
    reply(11, UNSUPPORTED);
    reply(4711, UNSUPPORTED);
    reply(7, UNKNOWN);
    reply(7, INVALID);
    reply(6, INVALID);
    reply(10, INVALID);
    reply(8, INVALID);
    reply(6, 3);
    reply(6, 3);
    reply(6, 1);
    reply(2, 1);
    assertThat(out.isReadable()).isFalse();
  }

  @Test
  void readsTheSameHoweverItIsCut() throws Exception {
    flags(3);
    option(8, Unpooled.EMPTY_BUFFER);
    option(9, string("disk").writeInt(1).writeBytes(string("base:")));
    option(3, Unpooled.EMPTY_BUFFER);
    option(7, string("disk").writeShort(0));
    byte[] all = new byte[in.readableBytes()];
    in.readBytes(all);
    Negotiation.Next next = Negotiation.Next.NEGOTIATE;
    for (byte one : all) {
      assertThat(next).isEqualTo(Negotiation.Next.NEGOTIATE);
      in.writeByte(one);
      next = read();
    }
    assertThat(next).isEqualTo(Negotiation.Next.TRANSMIT);
    reply(8, 1);
    reply(9, 4);
    reply(9, 1);
    reply(3, 2);
  }

  @Test
  void readOnlyExportsOfferNothingThatWrites() {
    int flags =
        Negotiation.transmissionFlags(
            new MemoryStore(512) {
              @Override
              public boolean readOnly() {
                return true;
              }
            });
    assertThat(flags).isEqualTo(0b0001_1000_1111);
  }

  @Test
  void garbageEndsInAnErrorAndNothingElse() {
    Random random = new Random(42);
    int broken = 0;
    for (int i = 0; i < 20_000; i++) {
      Negotiation fuzzed = new Negotiation(Map.of("disk", store), ignored -> true);
      ByteBuf bytes = Unpooled.buffer();
      bytes.writeInt(random.nextInt(5));
      for (int option = 0; option < 4; option++) {
        byte[] data = new byte[random.nextInt(40)];
        random.nextBytes(data);
        if (data.length > 10 && random.nextBoolean()) {
          Unpooled.wrappedBuffer(data).setInt(0, random.nextInt(12));
        }
        bytes.writeLong(random.nextInt(50) == 0 ? random.nextLong() : Nbd.OPTION_MAGIC);
        bytes.writeInt(random.nextInt(13));
        bytes.writeInt(random.nextInt(50) == 0 ? random.nextInt() : data.length);
        bytes.writeBytes(data);
      }
      try {
        fuzzed.read(bytes, Unpooled.buffer());
      } catch (ProtocolException e) {
        assertThat(e.getMessage()).isNotBlank();
        broken++;
      }
    }
    assertThat(broken).isBetween(1_000, 19_999);
  }
}
