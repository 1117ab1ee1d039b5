package io.blkcast.replicator;

import io.blkcast.replicator.ReplicaState.Held;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What an increment will leave in the sectors that identify the target, gathered before it is
 * applied, so that an unfinished one can be recognised at every point. Picks more sectors as it
 * goes: some that the increment really changes.
 */
final class Plan {

  /** Chunks looked at for a sector that changes, and how far into each. */
  private static final int MARKS = 64;

  private static final int REACH = 1 << 20;

  final UUID incrementId;
  private final Target target;
  private final long capacity;
  private final NavigableSet<Long> spread;
  private final NavigableSet<Long> marks = new TreeSet<>();
  private final NavigableSet<Long> earlierMarks = new TreeSet<>();
  private final NavigableMap<Long, String> next = new TreeMap<>();
  private int looked;

  /**
   * @param held what is known of the target so far; null where nothing is
   */
  Plan(Target target, IncrementCommitted manifest, @Nullable Held held) {
    this.target = target;
    this.incrementId = manifest.getIncrementId();
    this.capacity = manifest.getVolumeCapacityBytes();
    this.spread = Samples.spread(capacity);
    if (held != null && manifest.getKind() != IncrementKind.BASELINE) {
      earlierMarks.addAll(held.samples().keySet());
      earlierMarks.removeAll(spread);
    }
  }

  /**
   * Takes note of content that is going to be written, while the target still holds what was there
   * before.
   *
   * @param content null for zeroes
   */
  void expect(long offset, long size, @Nullable ByteBuffer content) throws IOException {
    if (looked < MARKS) {
      looked++;
      mark(offset, (int) Math.min(size, REACH), content);
    }
    note(offset, size, content);
  }

  /**
   * The same once the increment has begun, when no more sectors are picked.
   *
   * @return whether anything was noted that was not before
   */
  boolean note(long offset, long size, @Nullable ByteBuffer content) throws IOException {
    boolean noted = false;
    for (NavigableSet<Long> sectors : List.of(spread, marks, earlierMarks)) {
      for (long sector : sectors.subSet(sectorOf(offset), offset + size)) {
        String hash = hash(sector, offset, size, content);
        noted |= !hash.equals(next.put(sector, hash));
      }
    }
    return noted;
  }

  private static long sectorOf(long offset) {
    return offset / Samples.BYTES * Samples.BYTES;
  }

  /** Of the sector as it will be: what is written over what is there. */
  private String hash(long sector, long offset, long size, @Nullable ByteBuffer content)
      throws IOException {
    int length = Samples.length(sector, capacity);
    ByteBuffer bytes = ByteBuffer.allocate(Samples.BYTES);
    target.readPadded(sector, bytes.limit(length));
    long from = Math.max(sector, offset);
    int written = (int) (Math.min(sector + length, offset + size) - from);
    bytes
        .clear()
        .position((int) (from - sector))
        .put(
            content == null
                ? ByteBuffer.allocate(written)
                : content.slice(content.position() + (int) (from - offset), written));
    return Samples.hash(bytes.clear());
  }

  /** Picks the first sector of a chunk that the chunk changes. */
  private void mark(long offset, int length, @Nullable ByteBuffer content) throws IOException {
    ByteBuffer before = ByteBuffer.allocate(length);
    target.readPadded(offset, before);
    ByteBuffer after =
        content == null
            ? ByteBuffer.allocate(length)
            : content.slice(content.position(), Math.min(length, content.remaining()));
    int differs = before.flip().mismatch(after);
    if (differs >= 0 && differs < length) {
      marks.add(sectorOf(offset + differs));
    }
  }

  /** What the target holds at the sectors that count for this increment. */
  NavigableMap<Long, String> look() throws IOException {
    NavigableSet<Long> sectors = new TreeSet<>(spread);
    // An increment that changed nothing leaves the marks of the one before it.
    sectors.addAll(earlierMarks);
    sectors.addAll(marks);
    return look(target, sectors, capacity);
  }

  /** The same once the increment is applied; earlier marks have served then. */
  NavigableMap<Long, String> lookAfterwards() throws IOException {
    NavigableSet<Long> sectors = new TreeSet<>(spread);
    sectors.addAll(marks.isEmpty() ? earlierMarks : marks);
    return look(target, sectors, capacity);
  }

  static NavigableMap<Long, String> look(Target target, NavigableSet<Long> sectors, long capacity)
      throws IOException {
    NavigableMap<Long, String> samples = new TreeMap<>();
    for (long sector : sectors) {
      samples.put(sector, Identification.hash(target, sector, Samples.length(sector, capacity)));
    }
    return samples;
  }

  Map<Long, String> next() {
    return new TreeMap<>(next);
  }
}
