package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BufferPoolTest {

  private static final int KIB = 1 << 10;

  @Test
  void a_buffer_is_little_larger_than_what_it_holds_and_no_larger_than_a_chunk() {
    int chunk = 384 * KIB;
    assertThat(BufferPool.capacityFor(1, chunk)).isEqualTo(4 * KIB);
    assertThat(BufferPool.capacityFor(4 * KIB, chunk)).isEqualTo(4 * KIB);
    assertThat(BufferPool.capacityFor(64 * KIB, chunk)).isEqualTo(64 * KIB);
    assertThat(BufferPool.capacityFor(64 * KIB + 1, chunk)).isEqualTo(128 * KIB);
    assertThat(BufferPool.capacityFor(260 * KIB, chunk)).isEqualTo(chunk);
    assertThat(BufferPool.capacityFor(chunk, chunk)).isEqualTo(chunk);
  }

  @Test
  void a_buffer_is_used_again() {
    BufferPool buffers = new BufferPool(64 * KIB);
    ByteBuffer first = buffers.take(16 * KIB).limit(1);
    buffers.give(first);
    assertThat(buffers.take(16 * KIB)).isSameAs(first).returns(16 * KIB, ByteBuffer::limit);
    assertThat(buffers.allocated()).isEqualTo(16 * KIB);
  }

  @Test
  void buffers_of_one_size_make_room_for_those_of_another() {
    BufferPool buffers = new BufferPool(64 * KIB);
    for (int capacity : List.of(4 * KIB, 32 * KIB, 8 * KIB, 64 * KIB, 16 * KIB)) {
      List<ByteBuffer> taken = new ArrayList<>();
      for (int bytes = 0; bytes < 64 * KIB; bytes += capacity) {
        taken.add(buffers.take(capacity));
        assertThat(buffers.allocated()).isLessThanOrEqualTo(64 * KIB);
      }
      taken.forEach(buffers::give);
    }
    assertThat(buffers.lent()).isZero();
  }

  @Test
  void what_could_not_be_had_counts_for_nothing() {
    BufferPool buffers =
        new BufferPool(
            64 * KIB,
            capacity -> {
              throw new OutOfMemoryError("none left");
            });
    assertThatThrownBy(() -> buffers.take(4 * KIB)).isInstanceOf(OutOfMemoryError.class);
    assertThat(buffers.allocated()).isZero();
    assertThat(buffers.lent()).isZero();
  }
}
