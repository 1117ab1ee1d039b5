package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.TrackingInfo.Position;
import io.blkcast.file.OwnFiles;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The change map of one disk in memory and in a file, and the numbers that go with it.
 *
 * <p>The file: two copies of {@link ChangeMapHeader}, written in turn so that one is always whole,
 * and two maps, of which one is active; the other takes the renumbered map when the numbers run
 * out. A block is marked in the file before its data is written, and a killed process does not take
 * what it wrote with it: after a restart the map never claims less change than happened. A machine
 * that went down takes pages not yet written along, so after another boot only a state that was
 * closed clean is taken up; else history begins anew. What proves that nothing else wrote to the
 * image is saved as well ({@link Continuity}): the image as it was last seen, and until when own
 * writes are promised.
 *
 * <p>The file is written, not mapped: a store into a mapped page that cannot be had is told late,
 * if at all, and a mark would be missing unnoticed.
 *
 * <p>{@link #mark} may be called from many threads. The caller holds back all writes during {@link
 * #take}, {@link #close} and what leads there. After an exception of {@link #mark} or {@link #take}
 * the map cannot be relied on: {@link #discard} is all that is left.
 */
final class PersistentChangeMap {

  /** Numbers that a renumbering takes off, so that 127 older epochs stay valid as bases. */
  static final int SHIFT = 128;

  /** At most so many tracking blocks (spec of the kernel module). */
  static final int MAX_BLOCKS = 2_097_152;

  private static final int MAX_NUMBER = 255;
  private static final int PAGE = 4096;
  private static final int STATE_STRIDE = PAGE / 2;

  /** How long own writes are promised for, and how much of that is left when it is renewed. */
  static final long PROMISE_MILLIS = 5_000;

  private static final long PROMISE_LEFT_MILLIS = 4_000;

  private final FileChannel file;
  private final int blockShift;
  private final AtomicLong changedBlocks = new AtomicLong();
  private volatile ChangeMapHeader state;
  private long sequence;
  private byte[] active;
  private byte number;

  private PersistentChangeMap(
      FileChannel file, byte[] active, ChangeMapHeader state, long sequence) {
    this.file = file;
    this.active = active;
    this.state = state;
    this.sequence = sequence;
    this.blockShift = Integer.numberOfTrailingZeros(state.blockSize());
    this.number = (byte) state.activeNumber();
  }

  /** What came of {@link #resume}. */
  sealed interface Resumption permits Resumed, Doubted {}

  /** History goes on. */
  record Resumed(PersistentChangeMap tracking) implements Resumption {}

  /**
   * History is not proved.
   *
   * @param reason for people
   * @param resized the volume was given another size
   */
  record Doubted(String reason, boolean resized) implements Resumption {}

  /** What is found of the image, against what was saved of it. */
  interface Proof {

    /** The image as it is. */
    ImageMark image();

    /** Why the history may be broken; empty where it holds. */
    Optional<String> doubt(ChangeMapHeader saved);
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
   * Takes up a saved history, where it still holds for the image.
   *
   * @param path of a file that exists
   * @param proof whether what was saved holds for the image that is there
   */
  static Resumption resume(
      Path path, long capacityBytes, int minBlockSize, UUID session, Proof proof)
      throws IOException {
    FileChannel file = lock(path);
    try {
      Resumption resumed =
          resume(file, capacityBytes, blockSize(capacityBytes, minBlockSize), session, proof);
      if (resumed instanceof Doubted) {
        file.close();
      }
      return resumed;
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /**
   * Begins a new history in the file.
   *
   * @param image as it is, with no write under way
   */
  static PersistentChangeMap begin(
      Path path, long capacityBytes, int minBlockSize, UUID session, ImageMark image)
      throws IOException {
    FileChannel file = lock(path);
    try {
      ChangeMapHeader state =
          ChangeMapHeader.begin(
              capacityBytes, blockSize(capacityBytes, minBlockSize), session, image);
      // Written, not just extended: a mark needs no room then.
      long size = fileSize(state);
      file.truncate(0);
      ByteBuffer zeroes = ByteBuffer.allocateDirect(PAGE);
      for (long at = 0; at < size; at += PAGE) {
        file.write(zeroes.clear(), at);
      }
      PersistentChangeMap tracking =
          new PersistentChangeMap(file, new byte[blocks(state)], state, 0);
      tracking.save(state);
      file.force(false);
      return tracking;
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static Resumption resume(
      FileChannel file, long capacityBytes, int blockSize, UUID session, Proof proof)
      throws IOException {
    if (file.size() < PAGE) {
      return doubted("the saved history was given up or cut");
    }
    ByteBuffer states = ByteBuffer.wrap(read(file, 0, PAGE));
    ByteBuffer first = states.slice(0, STATE_STRIDE);
    ByteBuffer second = states.slice(STATE_STRIDE, STATE_STRIDE);
    long sequence = Math.max(ChangeMapHeader.sequence(first), ChangeMapHeader.sequence(second));
    Optional<ChangeMapHeader> saved =
        ChangeMapHeader.decode(ChangeMapHeader.sequence(first) == sequence ? first : second);
    if (saved.isEmpty()) {
      return doubted(
          ChangeMapHeader.isOfEarlierVersion(first) || ChangeMapHeader.isOfEarlierVersion(second)
              ? "the saved history is of an earlier version of blkcast, which did not note what"
                  + " proves it"
              : "the saved history cannot be read");
    }
    ChangeMapHeader state = saved.get();
    Optional<String> doubt = proof.doubt(state);
    if (doubt.isPresent()) {
      return doubted(doubt.get());
    }
    if (state.capacityBytes() != capacityBytes) {
      return new Doubted(
          "the volume had " + state.capacityBytes() + " bytes and has " + capacityBytes, true);
    }
    if (state.blockSize() != blockSize) {
      return doubted(
          "the tracking block size changed from " + state.blockSize() + " to " + blockSize);
    }
    if (file.size() != fileSize(state)) {
      return doubted("the saved history was cut");
    }
    byte[] active = read(file, mapAt(state), blocks(state));
    PersistentChangeMap tracking = new PersistentChangeMap(file, active, state, sequence);
    tracking.save(state.opened(session, proof.image()));
    file.force(false);
    return new Resumed(tracking);
  }

  private static Doubted doubted(String reason) {
    return new Doubted(reason, false);
  }

  private static FileChannel lock(Path path) throws IOException {
    FileChannel file =
        OwnFiles.open(
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
   * @throws IOException the file could not be written: the change is not marked
   */
  long mark(long offset, long length) throws IOException {
    byte now = number;
    byte[] map = active;
    int from = (int) (offset >>> blockShift);
    int to = (int) ((offset + length - 1) >>> blockShift) + 1;
    int added = 0;
    for (int block = from; block < to; block++) {
      if (map[block] != now) {
        added++;
      }
    }
    if (added == 0) {
      return 0;
    }
    // In the file first: who finds the mark in memory does not write it again.
    byte[] marks = new byte[to - from];
    Arrays.fill(marks, now);
    write(mapAt(state) + from, marks);
    Arrays.fill(map, from, to, now);
    return changedBlocks.addAndGet(added) << blockShift;
  }

  /**
   * To be called before own writes: notes that they may happen from now on, unless it is noted
   * already. A process that is killed cannot note its last write; this is what explains it.
   *
   * @param nowMillis time in milliseconds since 1970
   */
  void promiseWrites(long nowMillis) throws IOException {
    if (!isPromised(nowMillis)) {
      synchronized (this) {
        if (!isPromised(nowMillis)) {
          save(state.writing(nowMillis + PROMISE_MILLIS));
        }
      }
    }
  }

  /** Whether the promise is as new as can be told from its end: the clock may have been set. */
  private boolean isPromised(long nowMillis) {
    long left = state.writingUntil() - nowMillis;
    return PROMISE_LEFT_MILLIS < left && left <= PROMISE_MILLIS;
  }

  /** Whether own writes may have changed the image since {@link #image}. */
  boolean promisesWrites() {
    return state.writingUntil() != 0;
  }

  /** The image when it was last looked at. */
  ImageMark image() {
    return state.image();
  }

  /** Notes the image as it is. The caller holds back all writes. */
  void settle(ImageMark found) throws IOException {
    if (promisesWrites() || !state.image().equals(found)) {
      save(state.settled(found));
    }
  }

  /**
   * Begins a new history in place. The caller holds back all writes.
   *
   * @param image as it is
   * @throws IOException the file could not be written: the map cannot be relied on
   */
  void restart(ImageMark image) throws IOException {
    ChangeMapHeader before = state;
    ChangeMapHeader next =
        ChangeMapHeader.begin(before.capacityBytes(), before.blockSize(), before.session(), image);
    byte[] empty = new byte[active.length];
    // No state says that this map is active until all of it is written.
    next = next.withActiveMap(1 - before.activeMap());
    write(mapAt(next), empty);
    active = empty;
    save(next);
    // Not forced while writes wait: after another boot no state counts that is not closed clean.
    number = (byte) next.activeNumber();
    changedBlocks.set(0);
  }

  /** Bytes of blocks changed since the last take; may count a block twice under a race. */
  long changedBytes() {
    return changedBlocks.get() << blockShift;
  }

  /** Bytes that {@link #take} needs to copy the map. */
  int mapBytes() {
    return active.length;
  }

  /**
   * Closes the active number and begins the next. No write is under way.
   *
   * @throws IOException the file could not be written: it is unknown which number is active
   */
  ChangeMap take(ByteBuffer copy) throws IOException {
    copy.put(0, active);
    ChangeMapHeader before = state;
    int shift = before.activeNumber() == MAX_NUMBER ? SHIFT : 0;
    ChangeMapHeader after = before.afterTake(shift);
    if (shift > 0) {
      active = renumbered(active);
      write(mapAt(after), active);
    }
    save(after);
    number = (byte) state.activeNumber();
    changedBlocks.set(0);
    return new ChangeMap(copy, info(state), before.mapEpoch(), before.mapEpoch(), after.lineage());
  }

  /** Saves everything for good, so that history goes on even after another boot. */
  void close(ImageMark image) throws IOException {
    try (file) {
      file.force(false);
      save(state.closed(image));
      file.force(false);
    }
  }

  /** Gives the history up. A file that cannot be deleted is emptied. */
  void discard(Path path) throws IOException {
    try (file) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        file.truncate(0);
      }
    }
  }

  private synchronized void save(ChangeMapHeader next) throws IOException {
    sequence++;
    ByteBuffer encoded = ByteBuffer.allocate(ChangeMapHeader.ENCODED_BYTES);
    next.encode(encoded, sequence);
    write(sequence % 2 * STATE_STRIDE, encoded.array());
    state = next;
  }

  private void write(long at, byte[] bytes) throws IOException {
    // The channel of an interrupted thread is closed.
    boolean interrupted = Thread.interrupted();
    try {
      ByteBuffer src = ByteBuffer.wrap(bytes);
      while (src.hasRemaining()) {
        file.write(src, at + src.position());
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static byte[] read(FileChannel file, long at, int length) throws IOException {
    ByteBuffer dst = ByteBuffer.allocate(length);
    while (dst.hasRemaining()) {
      if (file.read(dst, at + dst.position()) < 0) {
        throw new EOFException("the state file was cut");
      }
    }
    return dst.array();
  }

  private static byte[] renumbered(byte[] map) {
    byte[] shifted = new byte[map.length];
    for (int block = 0; block < map.length; block++) {
      shifted[block] = (byte) Math.max(0, (map[block] & 0xff) - SHIFT);
    }
    return shifted;
  }

  private static TrackingInfo info(ChangeMapHeader state) {
    return new TrackingInfo(
        state.capacityBytes(),
        state.blockSize(),
        new Position(
            state.trackingId(),
            state.closedGeneration(),
            state.closedNumber(),
            OptionalLong.of(state.epoch()),
            state.lineage().of(state.epoch())));
  }

  private static int blocks(ChangeMapHeader state) {
    return info(state).blockCount();
  }

  /** Where the active map is in the file. */
  private static long mapAt(ChangeMapHeader state) {
    return PAGE + (long) state.activeMap() * pages(blocks(state));
  }

  private static long fileSize(ChangeMapHeader state) {
    return PAGE + 2L * pages(blocks(state));
  }

  private static int pages(int bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE;
  }
}
