package io.blkcast.replicator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class CoverageTest {

  private static final int BLOCK = 8;

  /** Byte by byte what {@link Coverage} does by blocks. */
  @Property(tries = 300)
  void passesOnExactlyWhatNoNewerIncrementCovers(
      @ForAll @IntRange(min = 1, max = 400) int capacity,
      @ForAll @Size(max = 12) int[][] increments,
      @ForAll @IntRange(min = 1, max = 3 * BLOCK) int chunkSize) {
    Coverage coverage = new Coverage(capacity, BLOCK);
    boolean[] newer = new boolean[capacity];
    int blocks = (capacity + BLOCK - 1) / BLOCK;
    for (int[] increment : increments) {
      boolean[] touched = new boolean[blocks];
      for (int value : increment) {
        touched[Math.floorMod(value, blocks)] = true;
      }
      boolean[] current = new boolean[capacity];
      int touchedBytes = 0;
      for (int block = 0; block < blocks; block++) {
        if (!touched[block]) {
          continue;
        }
        int end = Math.min((block + 1) * BLOCK, capacity);
        touchedBytes += end - block * BLOCK;
        for (int at = block * BLOCK; at < end; at += chunkSize) {
          boolean[] passed = new boolean[capacity];
          int size = Math.min(chunkSize, end - at);
          coverage.chunk(
              at,
              size,
              (offset, length) -> Arrays.fill(passed, (int) offset, (int) (offset + length), true));
          for (int i = 0; i < capacity; i++) {
            assertThat(passed[i]).isEqualTo(i >= at && i < at + size && !newer[i]);
          }
        }
        Arrays.fill(current, block * BLOCK, end, true);
      }
      assertThat(coverage.endIncrement()).isEqualTo(touchedBytes);
      boolean all = true;
      for (int i = 0; i < capacity; i++) {
        newer[i] |= current[i];
        all &= newer[i];
      }
      assertThat(coverage.isComplete()).isEqualTo(all);
    }
  }

  @Test
  void partOfABlockShowsInTheSum() {
    Coverage coverage = new Coverage(100, BLOCK);
    coverage.chunk(0, 5, (offset, length) -> {});
    assertThat(coverage.endIncrement()).isEqualTo(BLOCK);
  }
}
