package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.codec.ContentDigest;
import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.ChangeMap.Changes;
import io.blkcast.exporter.source.Extent;
import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.exporter.source.Snapshot.StorageUsage;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.UUID;
import java.util.function.Supplier;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** What is published of a change map, in which order: against a plain account of every block. */
class ExportOrderTest {

  private static final int BLOCK = 4096;
  private static final int NOW = 9;

  private static ChangeMap map(byte[] bytes, long capacity) {
    Position now = new Position(new UUID(1, 1), new UUID(2, 2), NOW, OptionalLong.empty());
    return new ChangeMap(ByteBuffer.wrap(bytes), new TrackingInfo(capacity, BLOCK, now), 0, 0);
  }

  /** Where an image of this map has holes: the blocks that were never written, by and large. */
  private record Holed(byte[] blocks, TrackingInfo info) implements Image {

    @Override
    public String volume() {
      return "holed";
    }

    @Override
    public ChangeMap changeMap() {
      return map(blocks, info.capacityBytes());
    }

    @Override
    public Optional<Extent> data(long from) {
      int first = (int) (from / BLOCK);
      while (first < blocks.length && blocks[first] % 3 == 0) {
        first++;
      }
      int end = first;
      while (end < blocks.length && blocks[end] % 3 != 0) {
        end++;
      }
      long offset = Math.max(from, (long) first * BLOCK);
      return first == blocks.length
          ? Optional.empty()
          : Optional.of(
              new Extent(offset, Math.min((long) end * BLOCK, info.capacityBytes()) - offset));
    }

    @Override
    public void read(long offset, ByteBuffer dst) {}

    @Override
    public void release(long offset, long length) {}

    @Override
    public void check() {}

    @Override
    public StorageUsage storage() {
      return new StorageUsage(0, 1);
    }
  }

  private static List<Piece> pieces(
      Supplier<ExtentCursor> extents, ExportOrder order, Image image, int chunk) throws Exception {
    Planner planner = new Planner(extents.get(), order, image, chunk);
    List<Piece> all = new ArrayList<>();
    for (List<Piece> some = planner.next(3); !some.isEmpty(); some = planner.next(3)) {
      all.addAll(some);
    }
    return all;
  }

  @Property(tries = 500)
  void each_block_of_the_extents_comes_once_and_the_latest_written_first(
      @ForAll long seed, @ForAll boolean whole) throws Exception {
    Random random = new Random(seed);
    byte[] bytes = new byte[1 + random.nextInt(200)];
    int density = 1 + random.nextInt(30);
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (random.nextInt(density) == 0 ? random.nextInt(NOW + 1) : 0);
    }
    int chunk = BLOCK << random.nextInt(4);
    long capacity = (long) bytes.length * BLOCK - 512 * random.nextInt(8);
    ChangeMap map = map(bytes, capacity);
    int base = whole ? -1 : random.nextInt(NOW);
    Changes changes =
        (Changes)
            map.since(
                new Position(
                    new UUID(1, 1), new UUID(2, 2), Math.max(0, base), OptionalLong.empty()));
    Supplier<ExtentCursor> extents =
        () -> whole ? ExtentCursor.whole(capacity) : ExtentCursor.of(changes);
    ExportOrder order =
        ExportOrder.latestFirst(
            extents,
            whole ? capacity : changes.bytes(),
            () -> ExtentCursor.of(map.latest()),
            capacity,
            chunk);
    List<Piece> pieces = pieces(extents, order, new Holed(bytes, map.info()), chunk);

    BitSet latest = new BitSet();
    BitSet wanted = new BitSet();
    for (int i = 0; i < bytes.length; i++) {
      wanted.set(i, bytes[i] > base);
      latest.set(
          (int) ((long) i * BLOCK / chunk),
          bytes[i] == NOW || latest.get((int) ((long) i * BLOCK / chunk)));
    }
    BitSet seen = new BitSet();
    long sum = 0;
    boolean rest = false;
    long listed = 0;
    for (Piece piece : pieces) {
      if (piece instanceof Piece.Extents batch) {
        listed += batch.batch().stream().mapToLong(e -> e.getSizeBytes()).sum();
        continue;
      }
      long offset =
          piece instanceof Piece.Data data ? data.offset() : ((Piece.Zero) piece).offset();
      long length =
          piece instanceof Piece.Data data ? data.length() : ((Piece.Zero) piece).length();
      boolean ahead =
          piece instanceof Piece.Data data ? data.ahead() : ((Piece.Zero) piece).ahead();
      assertThat(ahead && rest).as("after one of the rest").isFalse();
      rest |= !ahead;
      sum += length;
      for (long at = offset; at < offset + length; at += BLOCK) {
        seen.set((int) (at / BLOCK));
        assertThat(ahead && !latest.get((int) (at / chunk))).as("not the latest").isFalse();
      }
    }
    boolean mixed = pieces.stream().anyMatch(p -> p instanceof Piece.Data data && data.ahead());
    if (mixed) {
      for (Piece piece : pieces) {
        if (piece instanceof Piece.Data data && !data.ahead()) {
          assertThat(latest.get((int) (data.offset() / chunk))).as("late").isFalse();
        }
      }
    }
    assertThat(seen).isEqualTo(wanted);
    assertThat(sum).isEqualTo(whole ? capacity : changes.bytes()).isEqualTo(listed);
  }

  @Test
  void no_more_chunks_come_ahead_than_the_digest_keeps() throws Exception {
    int blocks = 4 * ContentDigest.MOST_AHEAD;
    byte[] bytes = new byte[blocks];
    for (int i = 0; i < blocks; i += 3) {
      bytes[i] = NOW;
    }
    long capacity = (long) blocks * BLOCK;
    ChangeMap map = map(bytes, capacity);
    Supplier<ExtentCursor> extents = () -> ExtentCursor.whole(capacity);
    ExportOrder order =
        ExportOrder.latestFirst(
            extents, capacity, () -> ExtentCursor.of(map.latest()), capacity, BLOCK);
    long ahead = 0;
    for (ExtentCursor cursor = order.ahead().get(); cursor.next(); ) {
      ahead += cursor.length();
    }
    long rest = 0;
    for (ExtentCursor cursor = order.rest().get(); cursor.next(); ) {
      rest += cursor.length();
    }
    assertThat(ahead).isEqualTo((long) ContentDigest.MOST_AHEAD * BLOCK);
    assertThat(ahead + rest).isEqualTo(capacity);
  }
}
