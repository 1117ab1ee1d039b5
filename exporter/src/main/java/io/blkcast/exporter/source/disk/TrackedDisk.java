package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.nbd.BlockStore;
import io.blkcast.exporter.nbd.NbdException;
import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A raw image whose changes are tracked.
 *
 * <p>Every change passes {@link WriteGate}, marks the change map, lets a held snapshot keep what it
 * overwrites, and only then goes to the image. A take closes the gate, so that it falls between two
 * writes; of several disks, all gates before any map is switched. Where a write hangs, the take
 * fails and the gates are opened. Reads pass nothing.
 *
 * <p>Whatever fails in tracking or in a snapshot is told by events and fails no write.
 */
public final class TrackedDisk implements BlockStore, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(TrackedDisk.class);

  /** Trims and zero writes go in pieces, so that a take need not wait for a long one. */
  private static final long PIECE = 64L << 20;

  private static final int ZERO_BUFFER = 1 << 20;
  private static final int PENDING_EVENTS = 64;

  /** Most that writes are held back for those under way; guests give up on a disk after 30 s. */
  static final Duration HOLD_LIMIT = Duration.ofSeconds(10);

  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

  private final DiskOptions options;
  private final AtomicLong storageLimit;
  private final Clock clock;
  private final UUID session;
  private final SparseFile image;
  private final WriteGate gate = new WriteGate();
  private final AtomicBoolean inSnapshot = new AtomicBoolean();
  private final AtomicBoolean thresholdTold = new AtomicBoolean();
  private final LongAdder readBytes = new LongAdder();
  private final LongAdder writtenBytes = new LongAdder();
  private final LongAdder zeroedBytes = new LongAdder();
  private final Deque<SourceEvent> pendingEvents = new ArrayDeque<>();
  private volatile long capacity;
  private volatile @Nullable Tracking tracking;
  private volatile @Nullable HeldImage held;
  private @Nullable Consumer<SourceEvent> listener;
  private boolean closed;

  private TrackedDisk(DiskOptions options, Clock clock, UUID session, SparseFile image) {
    this.options = options;
    this.storageLimit = new AtomicLong(options.storageLimit());
    this.clock = clock;
    this.session = session;
    this.image = image;
  }

  /**
   * Opens the image, making it where missing, and takes up tracking where it was left.
   *
   * @throws IOException when a file cannot be opened, another disk has the image or the state file,
   *     be it of this process or another, or the image is larger than the configured capacity
   */
  public static TrackedDisk open(DiskOptions options) throws IOException {
    return open(options, Clock.systemUTC(), bootId());
  }

  static TrackedDisk open(DiskOptions options, Clock clock, UUID session) throws IOException {
    SparseFile image = SparseFile.open(options.image());
    try {
      // What is written by way of another disk would not be marked in the map of this one.
      if (!image.lock()) {
        throw new IOException(
            options.image()
                + " is in use by another volume or exporter; stop that one, or give "
                + options.volume()
                + " an image of its own");
      }
      TrackedDisk disk = new TrackedDisk(options, clock, session, image);
      disk.openTracking(imageMark(options.image()));
      return disk;
    } catch (IOException | RuntimeException e) {
      image.close();
      throw e;
    }
  }

  private void openTracking(long mark) throws IOException {
    long found = image.size();
    capacity = options.capacityBytes() == 0 ? found & -512 : options.capacityBytes();
    if (capacity == 0) {
      throw new IOException(
          options.image() + " is missing or empty; configure the size of " + volume());
    }
    if (found > capacity && options.capacityBytes() != 0) {
      throw new IOException(
          options.image()
              + " has "
              + found
              + " bytes, more than the configured size of "
              + capacity
              + "; an image is never shrunk: configure the size it has");
    }
    boolean resized = found != 0 && found < capacity;
    if (found < capacity) {
      image.resize(capacity);
    }
    boolean tracked = Files.exists(options.state());
    tracking =
        Tracking.resume(options.state(), capacity, options.minBlockSize(), session, mark)
            .orElse(null);
    if (tracking == null && tracked) {
      // It was tracked before: writes from now on must not be missed, though history is lost.
      tracking = Tracking.begin(options.state(), capacity, options.minBlockSize(), session);
    }
    if (resized) {
      tell(new SourceEvent.Resized(volume(), clock.instant(), found, capacity));
    }
  }

  /** The volume's name. */
  public String volume() {
    return options.volume();
  }

  @Override
  public long size() {
    return capacity;
  }

  @Override
  public void read(long offset, ByteBuffer dst) throws IOException {
    int length = dst.remaining();
    image.read(offset, dst);
    readBytes.add(length);
  }

  @Override
  public void write(long offset, ByteBuffer src) throws IOException {
    int length = src.remaining();
    int ticket = gate.enter();
    try {
      beforeChange(offset, length);
      image.write(offset, src);
    } finally {
      gate.exit(ticket);
    }
    writtenBytes.add(length);
  }

  @Override
  public void trim(long offset, long length) throws IOException {
    // Where there is a hole already, nothing changes: neither mark nor copy.
    forData(
        offset,
        length,
        (at, bytes) -> {
          if (!image.punch(at, bytes)) {
            zeroByWriting(at, bytes);
          }
        });
  }

  @Override
  public void writeZeroes(long offset, long length, boolean keepAllocated, boolean fast)
      throws IOException {
    forData(
        offset,
        length,
        (at, bytes) -> {
          boolean done = keepAllocated ? image.zero(at, bytes) : image.punch(at, bytes);
          if (!done && fast) {
            throw new NbdException(
                NbdException.Error.NOT_SUPPORTED, "the filesystem has no fast way to zero");
          }
          if (!done) {
            zeroByWriting(at, bytes);
          }
        });
    if (keepAllocated) {
      image.allocate(offset, length);
    }
  }

  @Override
  public void flush() throws IOException {
    image.force();
  }

  @Override
  public long run(long offset, long limit) throws IOException {
    long data = image.nextData(offset);
    if (data == offset) {
      long hole = image.nextHole(offset);
      return hole <= offset ? limit : Math.min(limit, hole - offset);
    }
    return -Math.min(limit, data < 0 ? limit : data - offset);
  }

  /** What this disk has done. */
  public DiskFigures figures() {
    Tracking map = tracking;
    HeldImage snapshot = held;
    return new DiskFigures(
        readBytes.sum(),
        writtenBytes.sum(),
        zeroedBytes.sum(),
        map == null ? 0 : map.changedBytes(),
        snapshot == null ? 0 : snapshot.storage().usedBytes(),
        snapshot == null ? 0 : snapshot.storage().limitBytes());
  }

  /**
   * Grows the volume; its history is lost. A snapshot that is held keeps the size it has.
   *
   * @param newCapacity bytes, a multiple of 512, not less than now
   * @throws IOException when the image could not be grown; or it was, and is not tracked any more,
   *     because the new map could not be made
   */
  public void grow(long newCapacity) throws IOException {
    long before = capacity;
    if (newCapacity % 512 != 0 || newCapacity < before) {
      throw new IllegalArgumentException(
          volume() + " has " + before + " bytes and cannot become " + newCapacity);
    }
    if (newCapacity == before) {
      return;
    }
    if (!gate.close(holdDeadline())) {
      throw new IOException(volume() + ": writes did not come to an end in time; try again");
    }
    try {
      image.resize(newCapacity);
      capacity = newCapacity;
      Tracking map = tracking;
      if (map != null) {
        // Should no new map be had, the volume is not tracked: the old one is too small.
        tracking = null;
        map.discard(options.state());
        tracking = Tracking.begin(options.state(), newCapacity, options.minBlockSize(), session);
      }
    } finally {
      gate.open();
    }
    tell(new SourceEvent.Resized(volume(), clock.instant(), before, newCapacity));
  }

  /**
   * Writes everything to stable storage and lets go of the files; history goes on at the next open.
   */
  @Override
  public void close() throws IOException {
    while (!gate.close(holdDeadline())) {
      LOG.warn("{}: waiting for a write that hangs", volume());
    }
    try {
      if (closed) {
        return;
      }
      closed = true;
      Tracking map = tracking;
      tracking = null;
      // The image goes last: nobody else writes to it before its mark is saved.
      try (image) {
        image.force();
        if (map != null) {
          map.close(imageMark(options.image()));
        }
      }
    } finally {
      gate.open();
    }
  }

  synchronized void track() throws SourceException {
    if (tracking != null) {
      return;
    }
    holdWrites(holdDeadline());
    try {
      tracking = Tracking.begin(options.state(), capacity, options.minBlockSize(), session);
    } catch (IOException e) {
      throw new SourceException(Code.IO, "cannot track " + volume() + ": " + e.getMessage(), e);
    } finally {
      gate.open();
    }
  }

  synchronized void untrack() throws SourceException {
    claim();
    try {
      holdWrites(holdDeadline());
      try {
        Tracking map = tracked();
        tracking = null;
        map.discard(options.state());
      } catch (IOException e) {
        throw new SourceException(Code.IO, "cannot untrack " + volume() + ": " + e.getMessage(), e);
      } finally {
        gate.open();
      }
    } finally {
      unclaim();
    }
  }

  TrackingInfo info() throws SourceException {
    return tracked().info();
  }

  Tracking tracked() throws SourceException {
    Tracking map = tracking;
    if (map == null) {
      throw new SourceException(Code.NOT_TRACKED, volume() + " is not tracked");
    }
    return map;
  }

  /** Reserves the disk for one snapshot. */
  void claim() throws SourceException {
    tracked();
    if (!inSnapshot.compareAndSet(false, true)) {
      throw new SourceException(Code.BUSY, volume() + " is in a snapshot already");
    }
  }

  void unclaim() {
    inSnapshot.set(false);
  }

  /** Doubles the limit of the next storage, as far as it may grow; empty where it may not. */
  OptionalLong moreRoom() {
    long before = storageLimit.get();
    long after = Math.min(options.storageMost(), 2 * before);
    storageLimit.set(after);
    return after > before ? OptionalLong.of(after) : OptionalLong.empty();
  }

  /**
   * What of a take is done while writes go on, for a disk that is claimed: makes the storage.
   *
   * @throws SourceException {@code GONE} where the image has vanished, {@code NO_SPACE}
   */
  DifferenceStorage prepareTake() throws SourceException {
    if (!Files.exists(options.image())) {
      tell(new SourceEvent.Removed(volume(), clock.instant()));
      throw new SourceException(Code.GONE, options.image() + " has vanished");
    }
    try {
      return DifferenceStorage.create(options.storage(), storageLimit.get(), options.copyUnit());
    } catch (IOException e) {
      throw new SourceException(
          Code.NO_SPACE, "cannot make the difference storage of " + volume() + ": " + e, e);
    }
  }

  /**
   * Holds writes back until {@link #letWritesGo}.
   *
   * @param deadline of {@link System#nanoTime}
   * @throws SourceException {@code BUSY} where a write is under way for longer: then writes go on
   */
  void holdWrites(long deadline) throws SourceException {
    if (!gate.close(deadline)) {
      throw new SourceException(
          Code.BUSY,
          "writes of "
              + volume()
              + " did not come to an end in time; look at the disk below its image. Tried again");
    }
  }

  private static long holdDeadline() {
    return System.nanoTime() + HOLD_LIMIT.toNanos();
  }

  void letWritesGo() {
    gate.open();
  }

  /** The take itself; writes are held. */
  HeldImage take(DifferenceStorage storage) throws SourceException {
    Tracking map = tracked();
    ChangeMap changes;
    try {
      changes = map.take(ByteBuffer.allocateDirect(map.mapBytes()));
    } catch (IOException e) {
      loseHistory(map, e);
      throw new SourceException(Code.NOT_TRACKED, lost(e), e);
    }
    thresholdTold.set(false);
    HeldImage snapshot = new HeldImage(options, changes, image, storage, clock, this::tell);
    held = snapshot;
    return snapshot;
  }

  /** Ends the snapshot of this disk. */
  void drop(HeldImage snapshot) throws SourceException {
    held = null;
    gate.drain();
    try {
      snapshot.destroy();
    } finally {
      unclaim();
    }
  }

  /** Sets who is told of events; those that happened before are told first. */
  void listen(Consumer<SourceEvent> newListener) {
    synchronized (pendingEvents) {
      listener = newListener;
      pendingEvents.forEach(newListener);
      pendingEvents.clear();
    }
  }

  /** Never fails: an event that nobody hears costs no write. */
  private void tell(SourceEvent event) {
    try {
      synchronized (pendingEvents) {
        if (listener != null) {
          listener.accept(event);
        } else if (pendingEvents.size() < PENDING_EVENTS) {
          pendingEvents.add(event);
        }
      }
    } catch (Throwable e) {
      LOG.error("cannot tell of {}", event, e);
    }
  }

  /** Never fails. */
  private void beforeChange(long offset, long length) {
    Tracking map = tracking;
    if (map != null) {
      mark(map, offset, length);
    }
    HeldImage snapshot = held;
    if (snapshot != null) {
      snapshot.beforeOverwrite(offset, length);
    }
  }

  private void mark(Tracking map, long offset, long length) {
    long changed;
    try {
      changed = map.mark(offset, length);
    } catch (Throwable e) {
      loseHistory(map, e);
      return;
    }
    if (changed >= options.changedThreshold()
        && changed > 0
        && options.changedThreshold() > 0
        && thresholdTold.compareAndSet(false, true)) {
      tell(new SourceEvent.Changed(volume(), clock.instant(), changed));
    }
  }

  /**
   * A change could not be marked, so the map is good for nothing: the volume is tracked no more,
   * until it is tracked anew from a BASELINE on. Called by writers inside the gate, or with it
   * closed.
   */
  private void loseHistory(Tracking map, Throwable cause) {
    synchronized (map) {
      if (tracking != map) {
        return;
      }
      tracking = null;
    }
    LOG.error("{}: {}", volume(), lost(cause), cause);
    try {
      map.discard(options.state());
    } catch (IOException e) {
      LOG.error(
          "cannot delete {}: do so before the exporter is started again, or changes of {} are"
              + " missed",
          options.state(),
          volume(),
          e);
    }
    tell(new SourceEvent.HistoryLost(volume(), clock.instant(), lost(cause)));
  }

  private String lost(Throwable cause) {
    return "changes cannot be kept in " + options.state() + ": " + cause;
  }

  private interface RangeAction {
    void on(long offset, long length) throws IOException;
  }

  private void forData(long offset, long length, RangeAction action) throws IOException {
    long end = offset + length;
    long at = offset;
    while (at < end) {
      long data = image.nextData(at);
      if (data < 0 || data >= end) {
        return;
      }
      long hole = image.nextHole(data);
      long to = Math.min(Math.min(hole <= data ? end : hole, end), data + PIECE);
      int ticket = gate.enter();
      try {
        beforeChange(data, to - data);
        action.on(data, to - data);
      } finally {
        gate.exit(ticket);
      }
      zeroedBytes.add(to - data);
      at = to;
    }
  }

  private void zeroByWriting(long offset, long length) throws IOException {
    ByteBuffer zeroes = ByteBuffer.allocateDirect((int) Math.min(length, ZERO_BUFFER));
    for (long at = offset; at < offset + length; at += zeroes.capacity()) {
      image.write(
          at, zeroes.clear().limit((int) Math.min(zeroes.capacity(), offset + length - at)));
    }
  }

  /** Differs when somebody else wrote to the image while it was closed. */
  private static long imageMark(Path image) throws IOException {
    return Files.getLastModifiedTime(image).to(TimeUnit.NANOSECONDS) ^ Files.size(image);
  }

  private static UUID bootId() {
    try {
      return UUID.fromString(Files.readString(BOOT_ID).strip());
    } catch (IOException | IllegalArgumentException e) {
      // Not Linux: every open counts as another boot, so only what was closed clean is taken up.
      return UUID.randomUUID();
    }
  }
}
