package io.blkcast.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeafDigestTest {

  @TempDir private Path dir;
  private final Random random = new Random(7);

  /** The contract's paragraph, word by word. */
  private static byte[] byTheBook(List<Long> offsets) throws Exception {
    MessageDigest total = MessageDigest.getInstance("SHA-256");
    for (long offset : offsets.stream().sorted().toList()) {
      MessageDigest leaf = MessageDigest.getInstance("SHA-256");
      boolean zero = isZero(offset);
      long size = zero ? 1000 : content(offset).length;
      leaf.update(ByteBuffer.allocate(8).putLong(offset).array());
      leaf.update(ByteBuffer.allocate(8).putLong(size).array());
      leaf.update((byte) (zero ? 1 : 0));
      if (!zero) {
        leaf.update(content(offset));
      }
      total.update(leaf.digest());
    }
    return total.digest();
  }

  private static boolean isZero(long offset) {
    return offset % 3000 == 0;
  }

  private static byte[] content(long offset) {
    byte[] bytes = new byte[1 + (int) (offset / 1000 % 900)];
    new Random(offset).nextBytes(bytes);
    return bytes;
  }

  private byte @Nullable [] digest(int capacity, List<Long> offsets) throws Exception {
    try (LeafDigest digest = new LeafDigest(capacity, dir)) {
      for (long offset : offsets) {
        if (isZero(offset)) {
          digest.zero(offset, 1000);
        } else {
          digest.data(offset, ByteBuffer.wrap(content(offset)));
        }
      }
      return digest.finish();
    }
  }

  private static List<Long> offsets(int count) {
    return new ArrayList<>(LongStream.range(0, count).map(i -> i * 1000).boxed().toList());
  }

  @Test
  void chunksInOrderGiveTheDigestOfTheContract() throws Exception {
    assertThat(digest(LeafDigest.DEFAULT_CAPACITY, offsets(5000)))
        .isEqualTo(byTheBook(offsets(5000)));
  }

  @Test
  void nothingGivesTheDigestOfNothing() throws Exception {
    assertThat(digest(10, List.of())).isEqualTo(byTheBook(List.of()));
  }

  @Test
  void orderDoesNotMatter() throws Exception {
    List<Long> shuffled = offsets(3000);
    Collections.shuffle(shuffled, random);
    assertThat(digest(LeafDigest.DEFAULT_CAPACITY, shuffled)).isEqualTo(byTheBook(shuffled));
  }

  @Test
  void whatDoesNotFitInMemoryIsSortedOnDisk() throws Exception {
    for (int count : new int[] {10, 11, 20, 1999, 2000}) {
      List<Long> shuffled = offsets(count);
      Collections.shuffle(shuffled, random);
      assertThat(digest(10, shuffled)).as("%d chunks", count).isEqualTo(byTheBook(shuffled));
    }
  }

  @Test
  void overlapIsFoundInMemoryAndOnDisk() throws Exception {
    for (int capacity : new int[] {4, 10_000}) {
      try (LeafDigest digest = new LeafDigest(capacity, dir)) {
        List<Long> shuffled = offsets(100);
        Collections.shuffle(shuffled, random);
        for (long offset : shuffled) {
          digest.zero(offset, 1000);
        }
        digest.zero(50_999, 1);
        assertThat(digest.finish()).isNull();
      }
    }
  }

  @Test
  void temporaryFileIsMadeWhereItShouldBeAndHasNoName() throws Exception {
    Path missing = dir.resolve("missing");
    try (LeafDigest digest = new LeafDigest(4, missing)) {
      for (int i = 0; i < 100; i++) {
        digest.zero(i * 1000, 1000);
      }
      assertThat(missing).isEmptyDirectory();
      assertThat(digest.finish()).isNotNull();
    }
  }

  @Test
  void temporaryFileThatCannotBeWrittenIsAFaultOfTheSinksSide() throws Exception {
    Path file = Files.createFile(dir.resolve("file"));
    try (LeafDigest digest = new LeafDigest(4, file.resolve("below"))) {
      assertThatThrownBy(
              () -> {
                for (int i = 0; i < 5; i++) {
                  digest.zero(i * 1000, 1000);
                }
              })
          .isInstanceOfSatisfying(
              IncrementException.class,
              e -> assertThat(e.code()).isEqualTo(IncrementException.Code.SINK))
          .hasMessageContaining(file.toString());
    }
  }
}
