package io.blkcast.exporter.source.disk;

import java.util.Arrays;

/**
 * Which slot holds the old data of which unit: a hash table of primitives (24 to 48 bytes an entry,
 * up to 72 while it grows), because there may be millions. Not safe for several threads.
 */
final class SlotTable {

  static final int NONE = -1;

  private static final long FREE = -1;
  private static final long SPREAD = 0x9E37_79B9_7F4A_7C15L;

  private long[] units = {FREE, FREE};
  private int[] slots = new int[2];
  private int size;

  /** The slot of a unit, {@link #NONE} if it has none. */
  int get(long unit) {
    int at = find(unit);
    return units[at] == unit ? slots[at] : NONE;
  }

  void put(long unit, int slot) {
    int at = find(unit);
    if (units[at] != unit) {
      if (2 * (size + 1) > units.length) {
        grow();
        at = find(unit);
      }
      units[at] = unit;
      size++;
    }
    slots[at] = slot;
  }

  /** Removes a unit and returns its slot, {@link #NONE} if it had none. */
  int remove(long unit) {
    int hole = find(unit);
    if (units[hole] != unit) {
      return NONE;
    }
    int slot = slots[hole];
    units[hole] = FREE;
    size--;
    // Entries that stepped over the hole move back into it, so that they are still found.
    int mask = units.length - 1;
    for (int at = (hole + 1) & mask; units[at] != FREE; at = (at + 1) & mask) {
      int home = home(units[at]);
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        units[hole] = units[at];
        slots[hole] = slots[at];
        units[at] = FREE;
        hole = at;
      }
    }
    return slot;
  }

  private int find(long unit) {
    int mask = units.length - 1;
    int at = home(unit);
    while (units[at] != FREE && units[at] != unit) {
      at = (at + 1) & mask;
    }
    return at;
  }

  private int home(long unit) {
    return (int) ((unit * SPREAD) >>> 32) & (units.length - 1);
  }

  private void grow() {
    // Where there is no memory for both, the table stays as it is.
    long[] newUnits = new long[units.length * 2];
    int[] newSlots = new int[newUnits.length];
    Arrays.fill(newUnits, FREE);
    long[] oldUnits = units;
    int[] oldSlots = slots;
    units = newUnits;
    slots = newSlots;
    for (int i = 0; i < oldUnits.length; i++) {
      if (oldUnits[i] != FREE) {
        int at = find(oldUnits[i]);
        units[at] = oldUnits[i];
        slots[at] = oldSlots[i];
      }
    }
  }
}
