package io.blkcast.exporter.publish;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class ZeroesTest {

  @Property(tries = 500)
  void aSingleByteThatIsNotZeroIsSeenWhereverItIs(
      @ForAll @IntRange(max = 300) int length,
      @ForAll @IntRange(max = 20) int margin,
      @ForAll @IntRange(max = 1000) int at,
      @ForAll boolean direct) {
    int size = length + 2 * margin;
    ByteBuffer buffer = direct ? ByteBuffer.allocateDirect(size) : ByteBuffer.allocate(size);
    buffer.position(margin).limit(margin + length);
    assertThat(Zeroes.only(buffer)).isTrue();
    if (size > 0) {
      int position = at % size;
      buffer.clear().put(position, (byte) 0x80).position(margin).limit(margin + length);
      boolean inside = position >= margin && position < margin + length;
      assertThat(Zeroes.only(buffer)).isEqualTo(!inside);
      assertThat(buffer.remaining()).isEqualTo(length);
    }
  }
}
