package io.blkcast.exporter.source;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.source.SourceException.Code;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/** One volume as plain arrays of bytes, and how the source's answers compare with it. */
final class SourceModel {

  private static final int SECTOR = 512;

  /** What direct I/O asks of offset, length and memory. */
  private static final int PAGE = 4096;

  /** What the kernel module keeps at once. */
  private static final int UNIT = 4096;

  private final SourceRig rig;
  private final String volume;
  private final Random random;
  private final byte[] now;
  private final List<Take> takes = new ArrayList<>();
  private final byte[] replica;

  /** Sectors written or trimmed since the last take. */
  private BitSet touched = new BitSet();

  private Optional<Held> held = Optional.empty();

  /**
   * @param touched sectors that were written or trimmed between the take before and this one
   */
  private record Take(TrackingInfo info, byte[] content, BitSet touched) {}

  /**
   * A snapshot held.
   *
   * @param released sectors that were released
   * @param surely those of them that lie in units of {@link #UNIT} which one release covers whole:
   *     a source may go on keeping what is covered in part
   */
  private record Held(Snapshot.Image image, byte[] content, BitSet released, BitSet surely) {}

  SourceModel(SourceRig rig, String volume, Random random) {
    this.rig = rig;
    this.volume = volume;
    this.random = random;
    this.now = new byte[(int) rig.capacity()];
    this.replica = new byte[now.length];
  }

  void write() throws Exception {
    int offset = sector();
    byte[] data = new byte[length(offset)];
    if (random.nextInt(4) > 0) {
      random.nextBytes(data);
    }
    rig.write(volume, offset, data);
    System.arraycopy(data, 0, now, offset, data.length);
    touched.set(offset / SECTOR, (offset + data.length) / SECTOR);
  }

  void trim() throws Exception {
    int offset = sector();
    int length = length(offset);
    rig.trim(volume, offset, length);
    Arrays.fill(now, offset, offset + length, (byte) 0);
    touched.set(offset / SECTOR, (offset + length) / SECTOR);
  }

  /** Checks what a take says, and brings the replica up to it. */
  void taken(Snapshot.Image image) throws Exception {
    TrackingInfo info = image.info();
    assertThat(info.capacityBytes()).isEqualTo(now.length);
    assertThat(info).isEqualTo(rig.source().info(volume));
    held = Optional.of(new Held(image, now.clone(), new BitSet(), new BitSet()));
    takes.add(new Take(info, now.clone(), touched));
    touched = new BitSet();
    replicate(image);
    if (takes.size() > 1) {
      checkChanges(image, random.nextInt(takes.size() - 1));
    }
  }

  void checkImage() throws Exception {
    if (held.isEmpty()) {
      return;
    }
    Held image = held.get();
    int offset = random.nextInt(now.length);
    int length = 1 + random.nextInt(Math.min(now.length - offset, 300_000));
    int grain = random.nextBoolean() ? 1 : PAGE;
    offset -= offset % grain;
    length = Math.min((length + grain - 1) / grain * grain, now.length - offset);
    ByteBuffer read = ByteBuffer.allocateDirect(length + 2 * PAGE).alignedSlice(PAGE).limit(length);
    boolean mayFail = touches(image.released, offset, length);
    try {
      List<ByteBuffer> parts = parts(read, grain);
      image.image.read(offset, parts);
      assertThat(parts).noneMatch(ByteBuffer::hasRemaining);
    } catch (SourceException e) {
      assertThat(e.code()).isEqualTo(Code.RELEASED);
      assertThat(mayFail).as("read of %s bytes at %s", length, offset).isTrue();
      return;
    }
    assertThat(touches(image.surely, offset, length))
        .as("%s bytes at %s, some of them released, were read", length, offset)
        .isFalse();
    assertSame(image.content, offset, read);
  }

  /** The buffer cut at random, each cut at a multiple of the grain; often not at all. */
  private List<ByteBuffer> parts(ByteBuffer whole, int grain) {
    List<ByteBuffer> parts = new ArrayList<>();
    for (int at = 0, end; at < whole.limit(); at = end) {
      int length = (1 + random.nextInt(400_000)) / grain * grain;
      end = Math.min(at + Math.max(grain, length), whole.limit());
      parts.add(whole.slice(at, end - at));
    }
    return parts;
  }

  private static boolean touches(BitSet sectors, int offset, int length) {
    int first = sectors.nextSetBit(offset / SECTOR);
    return first >= 0 && (long) first * SECTOR < offset + length;
  }

  void checkHoles() throws Exception {
    if (held.isEmpty()) {
      return;
    }
    long at = 0;
    for (Optional<Extent> data; (data = held.get().image.data(at)).isPresent(); ) {
      assertZero(held.get().content, at, data.get().offset());
      at = data.get().end();
    }
    assertZero(held.get().content, at, now.length);
  }

  void release() throws Exception {
    if (held.isPresent()) {
      int offset = sector();
      int length = length(offset);
      held.get().image.release(offset, length);
      held.get().released.set(offset / SECTOR, (offset + length) / SECTOR);
      int end = offset + length == now.length ? now.length : (offset + length) / UNIT * UNIT;
      int start = (offset + UNIT - 1) / UNIT * UNIT;
      if (start < end && rig.extended()) {
        held.get().surely.set(start / SECTOR, end / SECTOR);
      }
    }
  }

  void closed() {
    held = Optional.empty();
  }

  void checkVolume() throws Exception {
    assertThat(rig.read(volume, 0, now.length)).isEqualTo(now);
  }

  /** Every earlier take as a base, where it can still be one. */
  void checkAllBases(Snapshot.Image image) throws Exception {
    for (int base = 0; base < takes.size() - 1; base++) {
      checkChanges(image, base);
    }
  }

  private void replicate(Snapshot.Image image) throws Exception {
    if (takes.size() == 1) {
      copy(image, 0, now.length);
    } else {
      TrackingInfo parent = takes.get(takes.size() - 2).info;
      ChangeMap.Cursor cursor = changes(image, parent).cursor();
      while (cursor.next()) {
        copy(image, cursor.offset(), cursor.length());
      }
    }
    assertThat(Arrays.equals(replica, now)).as("replica after take %s", takes.size()).isTrue();
  }

  private void copy(Snapshot.Image image, long offset, long length) throws Exception {
    ByteBuffer data = ByteBuffer.allocateDirect((int) length);
    image.read(offset, data);
    data.flip().get(replica, (int) offset, (int) length);
  }

  private void checkChanges(Snapshot.Image image, int base) throws Exception {
    BitSet mayChange = new BitSet();
    for (int take = base + 1; take < takes.size(); take++) {
      mayChange.or(takes.get(take).touched);
    }
    Take from = takes.get(base);
    Take to = takes.get(takes.size() - 1);
    int block = to.info.blockSize();
    BitSet told = new BitSet();
    ChangeMap.Cursor cursor = changes(image, from.info).cursor();
    while (cursor.next()) {
      assertThat(cursor.offset() % block).isZero();
      told.set(
          (int) (cursor.offset() / block),
          (int) ((cursor.offset() + cursor.length() + block - 1) / block));
    }
    for (int at = 0; at < now.length; at += block) {
      int end = Math.min(at + block, now.length);
      if (told.get(at / block)) {
        int touch = mayChange.nextSetBit(at / SECTOR);
        assertThat(touch >= 0 && touch * SECTOR < end)
            .as("block at %s is told as changed since take %s, but nobody touched it", at, base)
            .isTrue();
      } else {
        assertThat(Arrays.equals(from.content, at, end, to.content, at, end))
            .as("block at %s changed since take %s and is not told", at, base)
            .isTrue();
      }
    }
  }

  private ChangeMap.Changes changes(Snapshot.Image image, TrackingInfo base) throws Exception {
    ChangeMap.Since since = image.changeMap().since(base.position());
    assertThat(since).isInstanceOf(ChangeMap.Changes.class);
    return (ChangeMap.Changes) since;
  }

  private int sector() {
    return random.nextInt(now.length / SECTOR) * SECTOR;
  }

  private int length(int offset) {
    int most = (now.length - offset) / SECTOR;
    int sectors = random.nextInt(10) == 0 ? most : Math.min(most, 1 + random.nextInt(64));
    return (1 + random.nextInt(sectors)) * SECTOR;
  }

  private static void assertSame(byte[] expected, int offset, ByteBuffer actual) {
    int difference = actual.mismatch(ByteBuffer.wrap(expected, offset, actual.remaining()));
    assertThat(difference).as("first wrong byte after %s", offset).isEqualTo(-1);
  }

  private static void assertZero(byte[] content, long from, long to) {
    for (int at = (int) from; at < to; at++) {
      assertThat(content[at]).as("byte %s is said to be in a hole", at).isZero();
    }
  }
}
