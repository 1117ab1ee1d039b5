package io.blkcast.exporter.source.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * A bounded file of equal slots for overwritten data. Slots that are freed are used again, the
 * lowest first, so that the file stays as short as what it holds allows.
 */
class DiskDifferenceStorage implements AutoCloseable {

  private final Path path;
  private final SparseFile file;
  private final int slotBytes;
  private final int slots;
  private final BitSet taken = new BitSet();
  private int firstFree;
  private volatile int used;

  DiskDifferenceStorage(Path path, SparseFile file, int slotBytes, int slots) {
    this.path = path;
    this.file = file;
    this.slotBytes = slotBytes;
    this.slots = slots;
  }

  /** Makes the file; what a killed process left there is dropped. */
  static DiskDifferenceStorage create(Path path, long limitBytes, int slotBytes)
      throws IOException {
    int slots = (int) Math.min(Integer.MAX_VALUE, limitBytes / slotBytes);
    return new DiskDifferenceStorage(path, SparseFile.replace(path), slotBytes, slots);
  }

  /**
   * Takes adjacent free slots.
   *
   * @param wanted at least 1
   * @return the first slot; how many follow each other from there is in {@code run[0]}. -1 if all
   *     are taken
   */
  synchronized int allocate(int wanted, int[] run) {
    int first = taken.nextClearBit(firstFree);
    if (first >= slots) {
      return -1;
    }
    int next = taken.nextSetBit(first);
    int end = (int) Math.min((long) first + wanted, next < 0 ? slots : Math.min(next, slots));
    taken.set(first, end);
    firstFree = end;
    run[0] = end - first;
    used += end - first;
    return first;
  }

  synchronized void free(int slot) {
    taken.clear(slot);
    firstFree = Math.min(firstFree, slot);
    used--;
  }

  void write(int slot, ByteBuffer src) throws IOException {
    file.write((long) slot * slotBytes, src);
  }

  void read(int slot, int offsetInSlot, ByteBuffer dst) throws IOException {
    file.read((long) slot * slotBytes + offsetInSlot, dst);
  }

  long usedBytes() {
    return (long) used * slotBytes;
  }

  long limitBytes() {
    return (long) slots * slotBytes;
  }

  @Override
  public void close() throws IOException {
    file.close();
    Files.deleteIfExists(path);
  }
}
