package io.blkcast.exporter.source.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparseFileTest {

  private static final int BLOCK = 64 << 10;
  private static final int BLOCKS = 32;

  @TempDir Path directory;

  @Test
  void whatIsSaidToBeAHoleIsOneHoweverWritesAndHolesFollowEachOther() throws Exception {
    Random random = new Random(7);
    boolean[] data = new boolean[BLOCKS];
    try (SparseFile file = SparseFile.open(directory.resolve("image"))) {
      file.resize(BLOCKS * (long) BLOCK);
      for (int step = 0; step < 5_000; step++) {
        int block = random.nextInt(BLOCKS);
        switch (random.nextInt(6)) {
          case 0 -> data[block] = !file.punch(block * (long) BLOCK, BLOCK) && data[block];
          case 1, 2 -> {
            file.write(block * (long) BLOCK, ByteBuffer.allocateDirect(BLOCK));
            data[block] = true;
          }
          case 3 -> assertThat(file.nextData(block * (long) BLOCK)).isEqualTo(next(data, block));
          default -> {
            if (data[block]) {
              assertThat(file.nextHole(block * (long) BLOCK + random.nextInt(BLOCK)))
                  .isGreaterThan(block * (long) BLOCK)
                  .isLessThanOrEqualTo(hole(data, block));
            }
          }
        }
      }
    }
  }

  @Test
  void aHoleIsSeenAsSoonAsItIsMade() throws Exception {
    try (SparseFile file = SparseFile.open(directory.resolve("image"))) {
      file.write(0, ByteBuffer.allocateDirect(8 * BLOCK));
      assertThat(file.nextHole(0)).isEqualTo(8 * BLOCK);
      assertThat(file.nextHole(BLOCK)).isEqualTo(8 * BLOCK);
      assertThat(file.punch(2 * BLOCK, BLOCK)).isTrue();
      assertThat(file.nextHole(BLOCK)).isEqualTo(2 * BLOCK);
      assertThat(file.nextData(2 * BLOCK)).isEqualTo(3 * BLOCK);
      file.resize(4 * BLOCK);
      assertThat(file.nextHole(3 * BLOCK)).isEqualTo(4 * BLOCK);
    }
  }

  private static long next(boolean[] data, int from) {
    for (int block = from; block < BLOCKS; block++) {
      if (data[block]) {
        return block * (long) BLOCK;
      }
    }
    return -1;
  }

  private static long hole(boolean[] data, int from) {
    int block = from;
    while (block < BLOCKS && data[block]) {
      block++;
    }
    return block * (long) BLOCK;
  }
}
