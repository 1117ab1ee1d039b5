package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.nbd.BlockStore;
import io.blkcast.nbd.NbdException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
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
 * <p>That nothing else writes to the image is not believed but watched ({@link ImageWatch}): at the
 * open, each take and the end, and every second in between. What own writes do not explain begins a
 * new history.
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

  /** How often an image is looked at. */
  private static final Duration BEAT = Duration.ofSeconds(1);

  /** Most that writes are held back by such a look. */
  private static final Duration LOOK_HOLD_LIMIT = Duration.ofMillis(100);

  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

  private final DiskOptions options;
  private final AtomicLong storageLimit;
  private final Clock clock;
  private final UUID session;
  private final SparseFile image;
  private final ImageWatch watch;
  private final Heartbeat heartbeat;
  private final WriteGate gate = new WriteGate();
  private final AtomicBoolean inSnapshot = new AtomicBoolean();
  private final AtomicBoolean thresholdTold = new AtomicBoolean();
  private final LongAdder readBytes = new LongAdder();
  private final LongAdder writtenBytes = new LongAdder();
  private final LongAdder zeroedBytes = new LongAdder();
  private final Deque<SourceEvent> pendingEvents = new ArrayDeque<>();
  private volatile long capacity;
  private volatile @Nullable PersistentChangeMap tracking;
  private volatile @Nullable HeldImage held;
  private @Nullable Consumer<SourceEvent> listener;
  private boolean closed;

  private TrackedDisk(
      DiskOptions options, Clock clock, UUID session, SparseFile image, ImageWatch watch) {
    this.options = options;
    this.storageLimit = new AtomicLong(options.storageLimit());
    this.clock = clock;
    this.session = session;
    this.image = image;
    this.watch = watch;
    this.heartbeat = new Heartbeat("blkcast-watch-" + options.volume(), BEAT, this::beat);
    image.whenCut(
        () -> {
          watch.metEnd();
          heartbeat.wake();
        });
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
    TrackedDisk disk = open(options, clock, session, ImageProbe.SYSTEM);
    disk.heartbeat.start();
    return disk;
  }

  /** A disk that looks at its image at each take and at its end, and else at {@link #beat}. */
  static TrackedDisk open(DiskOptions options, Clock clock, UUID session, ImageProbe probe)
      throws IOException {
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
      ImageWatch watch = new ImageWatch(image, options.image(), probe, clock);
      TrackedDisk disk = new TrackedDisk(options, clock, session, image, watch);
      disk.openTracking();
      return disk;
    } catch (IOException | RuntimeException e) {
      image.close();
      throw e;
    }
  }

  private void openTracking() throws IOException {
    long found = watch.image().size();
    capacity = options.capacityBytes() == 0 ? found : options.capacityBytes();
    if (capacity == 0) {
      throw new IOException(
          options.image() + " is missing or empty; configure the size of " + volume());
    }
    if (found > capacity) {
      throw new IOException(
          options.image()
              + " has "
              + found
              + " bytes, more than the configured size of "
              + capacity
              + "; an image is never shrunk: configure the size it has");
    }
    boolean resized = found != 0 && found < capacity;
    // Before the image is touched.
    Optional<PersistentChangeMap.Resumption> resumed =
        Files.exists(options.state())
            ? Optional.of(
                PersistentChangeMap.resume(
                    options.state(),
                    capacity,
                    options.minBlockSize(),
                    session,
                    watch.proof(session)))
            : Optional.empty();
    if (found < capacity) {
      image.resize(capacity);
      watch.accept();
    }
    // As it was proved: what was written since shows at the next look.
    ImageMark now = watch.image();
    if (resized) {
      tell(new SourceEvent.Resized(volume(), clock.instant(), found, capacity));
    }
    if (resumed.isPresent()) {
      takeUp(resumed.get(), now, resized);
    }
  }

  private void takeUp(PersistentChangeMap.Resumption resumed, ImageMark now, boolean resized)
      throws IOException {
    if (resumed instanceof PersistentChangeMap.Resumed held) {
      tracking = held.tracking();
      held.tracking().settle(now);
      return;
    }
    // It was tracked before: writes from now on must not be missed, though history is lost.
    tracking =
        PersistentChangeMap.begin(options.state(), capacity, options.minBlockSize(), session, now);
    if (resumed instanceof PersistentChangeMap.Doubted doubted && !(resized && doubted.resized())) {
      tellOfDoubt(doubted.reason());
    }
  }

  private void tellOfDoubt(String reason) {
    LOG.warn("{}: history is in doubt: {}; the next increment is a BASELINE", volume(), reason);
    tell(new SourceEvent.HistoryLost(volume(), clock.instant(), reason));
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
      watch.wrote();
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
      allocate(offset, length);
    }
  }

  @Override
  public void flush() throws IOException {
    image.force();
  }

  @Override
  public long run(long offset, long limit) throws IOException {
    long data = image.nextData(offset, offset + limit);
    if (data == offset) {
      long hole = image.nextHole(offset);
      return hole <= offset ? limit : Math.min(limit, hole - offset);
    }
    return offset - data;
  }

  /** What this disk has done. */
  public DiskFigures figures() {
    PersistentChangeMap map = tracking;
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
   * @param newCapacity bytes, not less than now
   * @throws IOException when the image could not be grown; or it was, and is not tracked any more,
   *     because the new map could not be made
   */
  public void grow(long newCapacity) throws IOException {
    long before = capacity;
    if (newCapacity < before) {
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
      examine();
      image.resize(newCapacity);
      capacity = newCapacity;
      ImageMark now = watch.accept();
      PersistentChangeMap map = tracking;
      if (map != null) {
        // Should no new map be had, the volume is not tracked: the old one is too small.
        tracking = null;
        map.discard(options.state());
        tracking =
            PersistentChangeMap.begin(
                options.state(), newCapacity, options.minBlockSize(), session, now);
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
    heartbeat.close();
    while (!gate.close(holdDeadline())) {
      LOG.warn("{}: waiting for a write that hangs", volume());
    }
    try {
      if (closed) {
        return;
      }
      closed = true;
      // The image goes last: nobody else writes to it before its mark is saved.
      try (image) {
        image.force();
        examine();
        PersistentChangeMap map = tracking;
        tracking = null;
        if (map != null) {
          map.close(watch.image());
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
      tracking =
          PersistentChangeMap.begin(
              options.state(), capacity, options.minBlockSize(), session, watch.accept());
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
        PersistentChangeMap map = tracked();
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

  PersistentChangeMap tracked() throws SourceException {
    PersistentChangeMap map = tracking;
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
  DiskDifferenceStorage prepareTake() throws SourceException {
    if (!Files.exists(options.image())) {
      tell(new SourceEvent.Removed(volume(), clock.instant()));
      throw new SourceException(Code.GONE, options.image() + " has vanished");
    }
    try {
      return DiskDifferenceStorage.create(
          options.storage(), storageLimit.get(), options.copyUnit());
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
  HeldImage take(DiskDifferenceStorage storage) throws SourceException {
    Optional<SourceException> refusal;
    try {
      refusal = examine();
    } catch (IOException e) {
      throw new SourceException(
          Code.IO, "cannot look at the image of " + volume() + ": " + e.getMessage(), e);
    }
    if (refusal.isPresent()) {
      throw refusal.get();
    }
    PersistentChangeMap map = tracked();
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

  /**
   * Looks at the image. Where own writes do not explain what is found, a new history begins, and a
   * snapshot that is held is spoiled: it was not told of what it should have kept. Writes are held.
   *
   * @return why no snapshot may be taken
   */
  private Optional<SourceException> examine() throws IOException {
    ImageWatch.Look look = watch.look(capacity);
    PersistentChangeMap map = tracking;
    if (map == null) {
      return look.refusal();
    }
    try {
      if (look.doubt().isPresent()) {
        map.restart(look.image());
      } else {
        map.settle(look.image());
      }
    } catch (IOException e) {
      loseHistory(map, e);
    }
    look.doubt().ifPresent(this::tellOfDoubt);
    HeldImage snapshot = held;
    if (look.doubt().isPresent() && snapshot != null) {
      snapshot.corrupt(look.doubt().get());
    }
    return look.refusal();
  }

  /** Looks at the image every now and then, so that doubt does not wait for a take. */
  void beat() {
    try {
      if (!watch.isDue() || !gate.close(System.nanoTime() + LOOK_HOLD_LIMIT.toNanos())) {
        return;
      }
      try {
        examine();
      } finally {
        gate.open();
      }
    } catch (IOException e) {
      LOG.warn("{}: cannot look at its image; tried again: {}", volume(), e.getMessage());
    }
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
    PersistentChangeMap map = tracking;
    if (map != null) {
      promise(map);
      mark(map, offset, length);
    }
    HeldImage snapshot = held;
    if (snapshot != null) {
      snapshot.beforeOverwrite(offset, length);
    }
  }

  private void mark(PersistentChangeMap map, long offset, long length) {
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
  private void loseHistory(PersistentChangeMap map, Throwable cause) {
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
        watch.wrote();
        gate.exit(ticket);
      }
      zeroedBytes.add(to - data);
      at = to;
    }
  }

  /** Changes no content, but the file's ctime. */
  private void allocate(long offset, long length) throws IOException {
    int ticket = gate.enter();
    try {
      PersistentChangeMap map = tracking;
      if (map != null) {
        promise(map);
      }
      image.allocate(offset, length);
    } finally {
      watch.wrote();
      gate.exit(ticket);
    }
  }

  private void promise(PersistentChangeMap map) {
    try {
      map.promiseWrites(clock.millis());
    } catch (Throwable e) {
      loseHistory(map, e);
    }
  }

  private void zeroByWriting(long offset, long length) throws IOException {
    ByteBuffer zeroes = ByteBuffer.allocateDirect((int) Math.min(length, ZERO_BUFFER));
    for (long at = offset; at < offset + length; at += zeroes.capacity()) {
      image.write(
          at, zeroes.clear().limit((int) Math.min(zeroes.capacity(), offset + length - at)));
    }
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
