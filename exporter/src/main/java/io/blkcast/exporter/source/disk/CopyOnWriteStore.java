package io.blkcast.exporter.source.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongUnaryOperator;

/**
 * The data of a disk as it was when a snapshot was taken, as far as it was overwritten since.
 *
 * <p>Kept in units, looked after in regions of {@value #REGION} bytes. A unit that was zero takes
 * no room in the storage. Writers of different regions do not meet, but where two regions share one
 * of {@value #STRIPES} locks; readers of the image take no lock that is held over I/O. They read
 * the source first and put what is kept over it afterwards: data is kept before it is overwritten,
 * so whatever was not kept by then was still the old data when it was read.
 */
final class CopyOnWriteStore {

  static final int REGION = 1 << 20;

  private static final int STRIPES = 64;
  private static final int MAX_ZERO_RANGES = 1 << 18;
  private static final ByteBuffer ZEROES = ByteBuffer.allocateDirect(REGION).asReadOnlyBuffer();
  private static final ThreadLocal<ByteBuffer> SCRATCH =
      ThreadLocal.withInitial(() -> ByteBuffer.allocateDirect(REGION));

  private final SparseFile source;
  private final DiskDifferenceStorage storage;
  private final long capacity;
  private final int unit;
  private final LongUnaryOperator released;
  private final RangeSet zeroes = new RangeSet(MAX_ZERO_RANGES);
  private final Stripe[] stripes = new Stripe[STRIPES];

  /** One bit for each region of which data was stored. */
  private final AtomicLongArray stored;

  /** Slots of the units in a share of the regions. */
  private static final class Stripe {
    /** Held while old data is read and stored. */
    final ReentrantLock copying = new ReentrantLock();

    private final SlotTable slots = new SlotTable();

    synchronized int slot(long unit) {
      return slots.get(unit);
    }

    synchronized void put(long unit, int slot) {
      slots.put(unit, slot);
    }

    synchronized int remove(long unit) {
      return slots.remove(unit);
    }
  }

  /** The storage is full. */
  static final class NoSpaceException extends IOException {

    private static final long serialVersionUID = 1L;

    private final long requestedBytes;

    NoSpaceException(long requestedBytes) {
      super("the difference storage is full");
      this.requestedBytes = requestedBytes;
    }

    long requestedBytes() {
      return requestedBytes;
    }
  }

  /**
   * @param released for a byte offset, the end of the released range that holds it, or itself: what
   *     is released need not be kept
   */
  CopyOnWriteStore(
      SparseFile source,
      DiskDifferenceStorage storage,
      long capacity,
      int unit,
      LongUnaryOperator released) {
    this.source = source;
    this.storage = storage;
    this.capacity = capacity;
    this.unit = unit;
    this.released = released;
    long regions = (capacity + REGION - 1) / REGION;
    this.stored = new AtomicLongArray(Math.toIntExact((regions + 63) / 64));
    for (int i = 0; i < STRIPES; i++) {
      stripes[i] = new Stripe();
    }
  }

  /**
   * Keeps what a write is about to overwrite. When this returns, the write may go on.
   *
   * @throws IOException {@link NoSpaceException}, or the source or the storage failed
   */
  void keep(long offset, long length) throws IOException {
    long end = Math.min(offset + length, capacity);
    for (long at = offset & -unit; at < end; ) {
      long to = Math.min((at & -REGION) + REGION, roundUp(end));
      keepInRegion(at, to);
      at = to;
    }
  }

  /** Puts what was kept over what was read from the source, {@code dst} from its position on. */
  void overlay(long offset, ByteBuffer dst) throws IOException {
    long end = offset + dst.remaining();
    int base = dst.position();
    for (long at = offset; at < end; ) {
      long regionEnd = Math.min((at & -REGION) + REGION, end);
      boolean hasSlots = isStored(at / REGION);
      if (!hasSlots && !zeroes.overlaps(at, regionEnd)) {
        at = regionEnd;
        continue;
      }
      long zeroEnd = Math.min(zeroes.coveredUntil(at), regionEnd);
      if (zeroEnd > at) {
        dst.put(base + (int) (at - offset), ZEROES, 0, (int) (zeroEnd - at));
        at = zeroEnd;
        continue;
      }
      long to = Math.min((at & -unit) + unit, regionEnd);
      int slot = hasSlots ? stripe(at).slot(at / unit) : SlotTable.NONE;
      if (slot != SlotTable.NONE) {
        for (int next = slot + 1; to < regionEnd; next++) {
          if (stripe(to).slot(to / unit) != next) {
            break;
          }
          to = Math.min(to + unit, regionEnd);
        }
        storage.read(
            slot, (int) (at % unit), dst.slice(base + (int) (at - offset), (int) (to - at)));
      }
      at = to;
    }
  }

  /**
   * First byte from {@code from} on, before {@code to}, in a region of which data is stored; {@code
   * to} where there is none.
   */
  long firstStored(long from, long to) {
    long region = from / REGION;
    while (region * REGION < to) {
      long word = stored.get((int) (region / 64)) >>> (region % 64);
      if (word != 0) {
        long first = region + Long.numberOfTrailingZeros(word);
        return Math.min(Math.max(from, first * REGION), to);
      }
      region = (region / 64 + 1) * 64;
    }
    return to;
  }

  /** Frees what was stored of the units that lie wholly in the range. */
  void free(long start, long end) {
    long from = roundUp(start);
    long to = end >= capacity ? roundUp(capacity) : end & -unit;
    while ((from = firstStored(from, to)) < to) {
      long regionEnd = Math.min((from & -REGION) + REGION, to);
      Stripe stripe = stripe(from);
      stripe.copying.lock();
      try {
        for (; from < regionEnd; from += unit) {
          int slot = stripe.remove(from / unit);
          if (slot != SlotTable.NONE) {
            storage.free(slot);
          }
        }
      } finally {
        stripe.copying.unlock();
      }
    }
  }

  private void keepInRegion(long from, long to) throws IOException {
    Stripe stripe = stripe(from);
    if (keptUntil(stripe, from, to) == to) {
      return;
    }
    stripe.copying.lock();
    try {
      long at = from;
      while ((at = keptUntil(stripe, at, to)) < to) {
        long end = at + unit;
        while (end < to && keptUntil(stripe, end, end + unit) == end) {
          end += unit;
        }
        copy(stripe, at, end);
        at = end;
      }
    } finally {
      stripe.copying.unlock();
    }
  }

  /** End of the run of units that are kept already or released, from a unit's start on. */
  private long keptUntil(Stripe stripe, long from, long to) {
    long at = from;
    while (at < to) {
      long covered = Math.max(zeroes.coveredUntil(at), released.applyAsLong(at));
      long units = covered >= capacity ? to : covered & -unit;
      if (units > at) {
        at = Math.min(units, to);
      } else if (isStored(at / REGION) && stripe.slot(at / unit) != SlotTable.NONE) {
        at += unit;
      } else {
        return at;
      }
    }
    return to;
  }

  private void copy(Stripe stripe, long from, long to) throws IOException {
    int length = (int) (Math.min(to, capacity) - from);
    ByteBuffer data = SCRATCH.get().clear().limit(length);
    source.read(from, data);
    data.clear();
    for (int at = 0; at < length; ) {
      boolean zero = isZero(data, at, length);
      int end = at + unit;
      while (end < length && isZero(data, end, length) == zero) {
        end += unit;
      }
      end = Math.min(end, length);
      if (!zero || !zeroes.add(from + at, from + end)) {
        store(stripe, from + at, data.limit(end).position(at));
        data.clear();
      }
      at = end;
    }
  }

  private void store(Stripe stripe, long from, ByteBuffer data) throws IOException {
    int[] run = new int[1];
    long at = from;
    int end = data.limit();
    while (data.position() < end) {
      int units = (end - data.position() + unit - 1) / unit;
      int slot = storage.allocate(units, run);
      if (slot < 0) {
        throw new NoSpaceException((long) units * unit);
      }
      data.limit(Math.min(end, data.position() + run[0] * unit));
      storage.write(slot, data);
      setStored(at / REGION);
      for (int i = 0; i < run[0]; i++, at += unit) {
        stripe.put(at / unit, slot + i);
      }
      data.limit(end);
    }
  }

  private boolean isZero(ByteBuffer data, int at, int length) {
    int bytes = Math.min(unit, length - at);
    return data.slice(at, bytes).mismatch(ZEROES.slice(0, bytes)) < 0;
  }

  private Stripe stripe(long offset) {
    return stripes[(int) (offset / REGION % STRIPES)];
  }

  private boolean isStored(long region) {
    return (stored.get((int) (region / 64)) >>> (region % 64) & 1) != 0;
  }

  private void setStored(long region) {
    int word = (int) (region / 64);
    long bit = 1L << (region % 64);
    if ((stored.get(word) & bit) == 0) {
      stored.getAndAccumulate(word, bit, (old, added) -> old | added);
    }
  }

  private long roundUp(long offset) {
    return (offset + unit - 1) & -unit;
  }
}
