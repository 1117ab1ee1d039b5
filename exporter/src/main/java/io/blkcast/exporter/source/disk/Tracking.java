package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The change map of one disk in a mapped file, and the numbers that go with it.
 *
 * <p>The file: two copies of {@link TrackingState}, written in turn so that one is always whole,
 * and two maps, of which one is active; the other takes the renumbered map when the numbers run
 * out. A block is marked in the mapped file before its data is written, and a killed process does
 * not take what it mapped with it: after a restart the map never claims less change than happened.
 * A machine that went down takes pages not yet written along, so after another boot only a state
 * that was closed clean is taken up; else history begins anew.
 *
 * <p>{@link #mark} may be called from many threads. The caller holds back all writes during {@link
 * #take}, {@link #close} and what leads there.
 */
final class Tracking {

  /** Numbers that a renumbering takes off, so that 127 older epochs stay valid as bases. */
  static final int SHIFT = 128;

  /** At most so many tracking blocks (spec of the kernel module). */
  static final int MAX_BLOCKS = 2_097_152;

  private static final int MAX_NUMBER = 255;
  private static final int PAGE = 4096;
  private static final int STATE_STRIDE = PAGE / 2;

  private final FileChannel file;
  private final MappedByteBuffer mapped;
  private final ByteBuffer[] maps = new ByteBuffer[2];
  private final int blockShift;
  private final AtomicLong changedBlocks = new AtomicLong();
  private volatile TrackingState state;
  private long sequence;
  private ByteBuffer active;
  private byte number;

  private Tracking(FileChannel file, MappedByteBuffer mapped, TrackingState state, long sequence) {
    this.file = file;
    this.mapped = mapped;
    this.state = state;
    this.sequence = sequence;
    this.blockShift = Integer.numberOfTrailingZeros(state.blockSize());
    int blocks = blocks(state);
    maps[0] = mapped.slice(PAGE, blocks);
    maps[1] = mapped.slice(PAGE + pages(blocks), blocks);
    this.active = maps[state.activeMap()];
    this.number = (byte) state.activeNumber();
  }

  /** The tracking block for a volume: the least power of two that keeps the map in its bounds. */
  static int blockSize(long capacityBytes, int minBlockSize) {
    long size = minBlockSize;
    while ((capacityBytes + size - 1) / size > MAX_BLOCKS) {
      size <<= 1;
    }
    return Math.toIntExact(size);
  }

  /**
   * Takes up a saved history.
   *
   * @param session this boot of the machine
   * @param imageMark tells the image as it is from a changed one
   * @return empty where there is none, or none that still holds for the image
   */
  static Optional<Tracking> resume(
      Path path, long capacityBytes, int minBlockSize, UUID session, long imageMark)
      throws IOException {
    if (!Files.exists(path)) {
      return Optional.empty();
    }
    FileChannel file = lock(path);
    try {
      Optional<Tracking> resumed =
          resume(file, capacityBytes, blockSize(capacityBytes, minBlockSize), session, imageMark);
      if (resumed.isEmpty()) {
        file.close();
      }
      return resumed;
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /** Begins a new history in the file. */
  static Tracking begin(Path path, long capacityBytes, int minBlockSize, UUID session)
      throws IOException {
    FileChannel file = lock(path);
    try {
      TrackingState state =
          TrackingState.begin(capacityBytes, blockSize(capacityBytes, minBlockSize), session);
      // Written, not just extended: a store into a hole of a full filesystem kills the process.
      long size = fileSize(state);
      file.truncate(0);
      ByteBuffer zeroes = ByteBuffer.allocateDirect(PAGE);
      for (long at = 0; at < size; at += PAGE) {
        file.write(zeroes.clear(), at);
      }
      Tracking tracking =
          new Tracking(file, file.map(FileChannel.MapMode.READ_WRITE, 0, size), state, 0);
      tracking.save(state);
      tracking.mapped.force();
      return tracking;
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static Optional<Tracking> resume(
      FileChannel file, long capacityBytes, int blockSize, UUID session, long imageMark)
      throws IOException {
    if (file.size() < PAGE) {
      return Optional.empty();
    }
    MappedByteBuffer mapped = file.map(FileChannel.MapMode.READ_WRITE, 0, file.size());
    ByteBuffer first = mapped.slice(0, STATE_STRIDE);
    ByteBuffer second = mapped.slice(STATE_STRIDE, STATE_STRIDE);
    long sequence = Math.max(TrackingState.sequence(first), TrackingState.sequence(second));
    Optional<TrackingState> saved =
        TrackingState.decode(TrackingState.sequence(first) == sequence ? first : second);
    if (saved.isEmpty()) {
      return Optional.empty();
    }
    TrackingState state = saved.get();
    boolean holds =
        state.capacityBytes() == capacityBytes
            && state.blockSize() == blockSize
            && file.size() == fileSize(state)
            && (state.clean() ? state.imageMark() == imageMark : state.session().equals(session));
    if (!holds) {
      return Optional.empty();
    }
    Tracking tracking = new Tracking(file, mapped, state, sequence);
    tracking.save(state.opened(session));
    tracking.mapped.force();
    return Optional.of(tracking);
  }

  private static FileChannel lock(Path path) throws IOException {
    FileChannel file =
        FileChannel.open(
            path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    try {
      if (file.tryLock() != null) {
        return file;
      }
    } catch (OverlappingFileLockException e) {
      // Held by this very process.
    } catch (IOException e) {
      file.close();
      throw e;
    }
    file.close();
    throw new IOException(path + " is in use by another exporter; stop that one first");
  }

  /** State as of the last take. */
  TrackingInfo info() {
    return info(state);
  }

  /**
   * Marks the blocks that the range touches as changed; to be called before they are written.
   *
   * @return bytes of blocks changed since the last take, if this call added to them; else 0
   */
  long mark(long offset, long length) {
    byte now = number;
    ByteBuffer map = active;
    int last = (int) ((offset + length - 1) >>> blockShift);
    int added = 0;
    for (int block = (int) (offset >>> blockShift); block <= last; block++) {
      if (map.get(block) != now) {
        map.put(block, now);
        added++;
      }
    }
    return added == 0 ? 0 : changedBlocks.addAndGet(added) << blockShift;
  }

  /** Bytes of blocks changed since the last take; may count a block twice under a race. */
  long changedBytes() {
    return changedBlocks.get() << blockShift;
  }

  /** Bytes that {@link #take} needs to copy the map. */
  int mapBytes() {
    return active.limit();
  }

  /** Closes the active number and begins the next. No write is under way. */
  ChangeMap take(ByteBuffer copy) {
    copy.put(0, active, 0, active.limit());
    TrackingState before = state;
    int shift = before.activeNumber() == MAX_NUMBER ? SHIFT : 0;
    if (shift > 0) {
      renumber(active, maps[1 - before.activeMap()]);
    }
    save(before.afterTake(shift));
    active = maps[state.activeMap()];
    number = (byte) state.activeNumber();
    changedBlocks.set(0);
    return new ChangeMap(copy, info(state), before.mapEpoch(), before.mapEpoch());
  }

  /** Saves everything for good, so that history goes on even after another boot. */
  void close(long imageMark) throws IOException {
    mapped.force();
    save(state.closed(imageMark));
    mapped.force();
    file.close();
  }

  /** Gives the history up. */
  void discard(Path path) throws IOException {
    Files.deleteIfExists(path);
    file.close();
  }

  private void save(TrackingState next) {
    sequence++;
    next.encode(
        mapped.slice((int) (sequence % 2) * STATE_STRIDE, TrackingState.ENCODED_BYTES), sequence);
    state = next;
  }

  private static void renumber(ByteBuffer from, ByteBuffer to) {
    for (int block = 0; block < from.limit(); block++) {
      to.put(block, (byte) Math.max(0, (from.get(block) & 0xff) - SHIFT));
    }
  }

  private static TrackingInfo info(TrackingState state) {
    return new TrackingInfo(
        state.capacityBytes(),
        state.blockSize(),
        new Position(
            state.trackingId(),
            state.closedGeneration(),
            state.closedNumber(),
            OptionalLong.of(state.epoch())));
  }

  private static int blocks(TrackingState state) {
    return info(state).blockCount();
  }

  private static long fileSize(TrackingState state) {
    return PAGE + 2L * pages(blocks(state));
  }

  private static int pages(int bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE;
  }
}
