package io.blkcast.exporter.source;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.source.ChangeMap.Changes;
import io.blkcast.exporter.source.ChangeMap.Lost;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ChangeMapTest {

  private static final int BLOCK = 4096;
  private static final UUID TRACKING = new UUID(1, 1);
  private static final UUID GENERATION = new UUID(2, 2);

  private static Position numbered(int number) {
    return new Position(TRACKING, GENERATION, number, OptionalLong.empty());
  }

  private static Position epoch(long epoch) {
    return new Position(TRACKING, new UUID(9, epoch), (int) (epoch % 200), OptionalLong.of(epoch));
  }

  private static ChangeMap map(byte[] bytes, long capacity, Position now, long mapEpoch) {
    return new ChangeMap(
        ByteBuffer.wrap(bytes), new TrackingInfo(capacity, BLOCK, now), mapEpoch, mapEpoch);
  }

  private static List<Extent> extents(ChangeMap.Since since) {
    List<Extent> extents = new ArrayList<>();
    ChangeMap.Cursor cursor = ((Changes) since).cursor();
    while (cursor.next()) {
      extents.add(new Extent(cursor.offset(), cursor.length()));
    }
    assertThat(cursor.next()).as("after the last").isFalse();
    return extents;
  }

  @Test
  void agreesWithAPlainLoopForEveryBase() {
    Random random = new Random(1);
    for (int round = 0; round < 400; round++) {
      byte[] bytes = new byte[1 + random.nextInt(300)];
      int density = 1 + random.nextInt(60);
      for (int i = 0; i < bytes.length; i++) {
        if (random.nextInt(density) == 0) {
          bytes[i] = (byte) random.nextInt(256);
        }
      }
      int base = random.nextInt(256);
      long capacity = (long) bytes.length * BLOCK - 512 * random.nextInt(8);
      List<Extent> expected = new ArrayList<>();
      long sum = 0;
      for (int at = 0; at < bytes.length; at++) {
        int from = at;
        while (at < bytes.length && (bytes[at] & 0xff) > base) {
          at++;
        }
        if (at > from) {
          long end = Math.min((long) at * BLOCK, capacity);
          expected.add(new Extent((long) from * BLOCK, end - (long) from * BLOCK));
          sum += end - (long) from * BLOCK;
        }
      }
      ChangeMap map = map(bytes, capacity, numbered(255), 0);
      Changes changes = (Changes) map.since(numbered(base));
      assertThat(extents(changes)).isEqualTo(expected);
      assertThat(changes.extents()).isEqualTo(expected.size());
      assertThat(changes.bytes()).isEqualTo(sum);
    }
  }

  @Test
  void epochsCountFromTheMapsOwn() {
    // Values 0, 1, 3 and 200 stand for: never, epoch 1001, 1003 and 1200.
    ChangeMap map = map(new byte[] {0, 1, 3, (byte) 200}, 4 * BLOCK, epoch(1200), 1000);
    assertThat(extents(map.since(epoch(1000)))).containsExactly(new Extent(BLOCK, 3 * BLOCK));
    assertThat(extents(map.since(epoch(1001)))).containsExactly(new Extent(2 * BLOCK, 2 * BLOCK));
    assertThat(extents(map.since(epoch(1003)))).containsExactly(new Extent(3 * BLOCK, BLOCK));
    assertThat(extents(map.since(epoch(1200)))).isEmpty();
    assertThat(map.since(epoch(999))).isInstanceOf(Lost.class);
    assertThat(map.since(epoch(1201))).isInstanceOf(Lost.class);
    Position elsewhere = new Position(new UUID(7, 7), GENERATION, 3, OptionalLong.of(1100));
    assertThat(map.since(elsewhere)).isInstanceOf(Lost.class);
  }

  @Test
  void theLatestIsWhatTheLastTakeFoundNew() {
    byte[] bytes = {0, 1, 3, (byte) 200, (byte) 199};
    ChangeMap byEpoch = map(bytes, 5 * BLOCK, epoch(1200), 1000);
    assertThat(extents(byEpoch.latest())).containsExactly(new Extent(3 * BLOCK, BLOCK));
    ChangeMap byNumber = map(bytes, 5 * BLOCK, numbered(200), 0);
    assertThat(extents(byNumber.latest())).containsExactly(new Extent(3 * BLOCK, BLOCK));
    ChangeMap first = map(new byte[] {0, 1}, 2 * BLOCK, epoch(1000), 1000);
    assertThat(extents(first.latest())).containsExactly(new Extent(BLOCK, BLOCK));
    ChangeMap idle = map(bytes, 5 * BLOCK, epoch(1300), 1000);
    assertThat(extents(idle.latest())).isEmpty();
  }

  @Test
  void numbersMeanNothingInAnotherGeneration() {
    ChangeMap map = map(new byte[] {1, 2}, 2 * BLOCK, numbered(2), 0);
    assertThat(extents(map.since(numbered(1)))).containsExactly(new Extent(BLOCK, BLOCK));
    assertThat(map.since(numbered(3))).isInstanceOf(Lost.class);
    Position other = new Position(TRACKING, new UUID(3, 3), 1, OptionalLong.empty());
    assertThat(map.since(other)).isInstanceOf(Lost.class);
  }
}
