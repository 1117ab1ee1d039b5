package io.blkcast.exporter.publish;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PayloadCompressorTest {

  private static final int SIZE = 64 << 10;

  private static ByteBuffer direct(byte[] content) {
    return ByteBuffer.allocateDirect(content.length).put(content).flip();
  }

  @Test
  void what_gets_smaller_is_a_frame_of_its_content_and_what_does_not_is_left_as_it_is() {
    byte[] text = "all work and no play ".repeat(SIZE / 21).getBytes();
    byte[] noise = new byte[SIZE];
    new Random(5).nextBytes(noise);
    try (PayloadCompressor compressor = new PayloadCompressor()) {
      for (ByteBuffer plain : new ByteBuffer[] {direct(text), ByteBuffer.wrap(text)}) {
        ByteBuffer frame = compressor.compress(plain);
        byte[] bytes = new byte[frame.remaining()];
        frame.get(bytes);
        assertThat(bytes.length).isLessThan(text.length);
        assertThat(Zstd.decompress(bytes, text.length)).isEqualTo(text);
      }
      ByteBuffer plain = direct(noise);
      assertThat(compressor.compress(plain)).isSameAs(plain);
    }
  }

  @Test
  void nothing_need_be_compressed_before_it_is_closed() {
    new PayloadCompressor().close();
  }
}
