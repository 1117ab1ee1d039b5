package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.Extent;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The image of one disk in a snapshot. Writers call {@link #beforeOverwrite}; whatever goes wrong
 * there spoils the image, never the write.
 */
final class HeldImage implements Snapshot.Image {

  private static final int MAX_RELEASED_RANGES = 1 << 18;

  private final String volume;
  private final ChangeMap changeMap;
  private final SparseFile source;
  private final DiskDifferenceStorage storage;
  private final long watermarkBytes;
  private final Clock clock;
  private final Consumer<SourceEvent> events;
  private final long capacity;
  private final int unit;
  private final CopyOnWriteStore old;
  private final RangeSet released = new RangeSet(MAX_RELEASED_RANGES);
  private final AtomicBoolean watermarkTold = new AtomicBoolean();

  /** Readers share it; held alone to destroy the image. */
  private final ReentrantReadWriteLock life = new ReentrantReadWriteLock();

  private volatile @Nullable String corruption;
  private boolean destroyed;

  HeldImage(
      DiskOptions options,
      ChangeMap changeMap,
      SparseFile source,
      DiskDifferenceStorage storage,
      Clock clock,
      Consumer<SourceEvent> events) {
    this.volume = options.volume();
    this.changeMap = changeMap;
    this.source = source;
    this.storage = storage;
    this.watermarkBytes = (long) (options.watermark() * storage.limitBytes());
    this.clock = clock;
    this.events = events;
    this.capacity = changeMap.info().capacityBytes();
    this.unit = options.copyUnit();
    this.old = new CopyOnWriteStore(source, storage, capacity, unit, released::coveredUntil);
  }

  @Override
  public String volume() {
    return volume;
  }

  @Override
  public TrackingInfo info() {
    return changeMap.info();
  }

  @Override
  public ChangeMap changeMap() {
    return changeMap;
  }

  /** Keeps what a write of the disk is about to overwrite. Never fails. */
  void beforeOverwrite(long offset, long length) {
    if (corruption != null || offset >= capacity) {
      return;
    }
    try {
      old.keep(offset, length);
    } catch (CopyOnWriteStore.NoSpaceException e) {
      events.accept(new SourceEvent.NoSpace(volume, clock.instant(), e.requestedBytes()));
      corrupt("its difference storage of " + storage.limitBytes() + " bytes is full");
    } catch (Throwable e) {
      // Be it that the heap is full: the write goes on.
      corrupt("cannot keep old data: " + e);
    }
    long used = storage.usedBytes();
    if (used >= watermarkBytes && watermarkTold.compareAndSet(false, true)) {
      events.accept(new SourceEvent.Watermark(volume, clock.instant(), used, storage.limitBytes()));
    }
  }

  @Override
  public void read(long offset, ByteBuffer dst) throws SourceException {
    int start = dst.position();
    life.readLock().lock();
    try {
      long end = checkRange(offset, dst.remaining());
      checkReadable(offset, end);
      source.read(offset, dst);
      old.overlay(offset, dst.position(start));
      // What a writer could no longer keep, or need not keep, it said so before it wrote.
      checkReadable(offset, end);
      dst.position(dst.limit());
    } catch (IOException e) {
      dst.position(start);
      throw new SourceException(Code.IO, "cannot read the image of " + volume + ": " + e, e);
    } finally {
      life.readLock().unlock();
    }
  }

  @Override
  public Optional<Extent> data(long from) throws SourceException {
    life.readLock().lock();
    try {
      checkRange(from, 0);
      check();
      long next = source.nextData(from, capacity);
      long kept = old.firstStored(from, next);
      if (kept < next) {
        long end =
            Math.min((kept / CopyOnWriteStore.REGION + 1) * CopyOnWriteStore.REGION, capacity);
        return Optional.of(new Extent(kept, end - kept));
      }
      if (next == capacity) {
        return Optional.empty();
      }
      long hole = Math.min(source.nextHole(next), capacity);
      return Optional.of(new Extent(next, hole > next ? hole - next : capacity - next));
    } catch (IOException e) {
      throw new SourceException(Code.IO, "cannot find data of " + volume + ": " + e, e);
    } finally {
      life.readLock().unlock();
    }
  }

  @Override
  public void release(long offset, long length) throws SourceException {
    life.readLock().lock();
    try {
      long end = checkRange(offset, length);
      check();
      if (length > 0 && released.add(offset, end)) {
        // A unit at either end may only now be covered, together with an earlier release.
        old.free(
            Math.max(released.coveredFrom(offset), offset - unit),
            Math.min(released.coveredUntil(offset), end + unit));
      }
    } finally {
      life.readLock().unlock();
    }
  }

  @Override
  public void check() throws SourceException {
    String cause = corruption;
    if (cause != null) {
      throw new SourceException(Code.CORRUPTED, "the image of " + volume + " is lost: " + cause);
    }
  }

  @Override
  public Snapshot.StorageUsage storage() {
    return new Snapshot.StorageUsage(storage.usedBytes(), storage.limitBytes());
  }

  /** Waits for reads and frees the storage. No writer uses the image any more. */
  void destroy() throws SourceException {
    life.writeLock().lock();
    try {
      if (!destroyed) {
        destroyed = true;
        storage.close();
      }
    } catch (IOException e) {
      throw new SourceException(
          Code.IO, "cannot remove the difference storage of " + volume + ": " + e, e);
    } finally {
      life.writeLock().unlock();
    }
  }

  /** The image is no more what it was. */
  void corrupt(String cause) {
    synchronized (this) {
      if (corruption != null) {
        return;
      }
      corruption = cause;
    }
    events.accept(new SourceEvent.Corrupted(volume, clock.instant(), cause));
  }

  private long checkRange(long offset, long length) throws SourceException {
    if (destroyed) {
      throw new SourceException(Code.CLOSED, "the snapshot of " + volume + " was destroyed");
    }
    if (offset < 0 || length < 0 || offset > capacity - length) {
      throw new SourceException(
          Code.INVALID,
          "offset "
              + offset
              + ", length "
              + length
              + ": beyond the "
              + capacity
              + " bytes of "
              + volume);
    }
    return offset + length;
  }

  private void checkReadable(long start, long end) throws SourceException {
    check();
    if (released.overlaps(start, end)) {
      throw new SourceException(
          Code.RELEASED, "bytes " + start + " to " + end + " of " + volume + " were released");
    }
  }
}
