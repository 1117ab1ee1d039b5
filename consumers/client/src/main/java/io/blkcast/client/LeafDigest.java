package io.blkcast.client;

import static io.blkcast.client.IncrementException.Code.SINK;

import io.blkcast.codec.Digests;
import io.blkcast.file.OwnFiles;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * The {@code content_digest} of an increment whose chunks may come in any order: SHA-256 over the
 * leaves in order of offset. Finds overlapping chunks on the way.
 *
 * <p>{@value #DEFAULT_CAPACITY} leaves are held in memory (16 GiB of 256 KiB chunks in 3 MiB).
 * Beyond that, sorted runs of so many go to a temporary file, 48 bytes a chunk, and are merged at
 * the end, which takes 6 KiB of memory a run (400 KiB for 1 TiB of such chunks).
 */
final class LeafDigest implements Closeable {

  static final int DEFAULT_CAPACITY = 65_536;

  /** Offset, size, leaf. */
  private static final int ENTRY = 8 + 8 + Digests.LENGTH;

  private static final int RUN_BUFFER_ENTRIES = 128;

  private final int capacity;
  private final Path directory;
  private final MessageDigest total = sha256();
  private final MessageDigest leaf = sha256();
  private final ByteBuffer leafHead = ByteBuffer.allocate(17);
  private final List<Run> runs = new ArrayList<>();

  private ByteBuffer held;
  private boolean ascending = true;
  private long lastOffset = -1;
  private @Nullable FileChannel spill;
  private long spilledBytes;

  private long coveredTo;
  private boolean overlap;

  /**
   * @param directory where the temporary file goes, if there is to be one; made if missing
   */
  LeafDigest(Path directory) {
    this(DEFAULT_CAPACITY, directory);
  }

  /**
   * @param capacity leaves held in memory, 1 or more
   */
  LeafDigest(int capacity, Path directory) {
    this.capacity = capacity;
    this.directory = directory;
    this.held = ByteBuffer.allocate(ENTRY * Math.min(capacity, 1024));
  }

  /**
   * Adds a chunk of data; the buffer's position stays.
   *
   * @throws IncrementException {@code SINK} where the temporary file cannot be written
   */
  void data(long offset, ByteBuffer content) throws IncrementException {
    leafHead.clear().putLong(offset).putLong(content.remaining()).put((byte) 0).flip();
    leaf.update(leafHead);
    leaf.update(content.duplicate());
    add(offset, content.remaining());
  }

  /**
   * Adds a chunk of zeroes.
   *
   * @throws IncrementException as of {@link #data}
   */
  void zero(long offset, long size) throws IncrementException {
    leafHead.clear().putLong(offset).putLong(size).put((byte) 1).flip();
    leaf.update(leafHead);
    add(offset, size);
  }

  private void add(long offset, long size) throws IncrementException {
    if (!held.hasRemaining()) {
      makeRoom();
    }
    ascending &= offset > lastOffset;
    lastOffset = offset;
    held.putLong(offset).putLong(size).put(leaf.digest());
  }

  private void makeRoom() throws IncrementException {
    if (held.capacity() < ENTRY * capacity) {
      int bytes = Math.min(held.capacity() * 2, ENTRY * capacity);
      held = ByteBuffer.allocate(bytes).put(held.flip());
      return;
    }
    try {
      spill();
    } catch (IOException e) {
      throw new IncrementException(
          SINK, "cannot write the temporary file for digests in " + directory + ": " + e, e);
    }
  }

  private void spill() throws IOException {
    if (spill == null) {
      OwnFiles.createDirectories(directory);
      spill = OwnFiles.scratch(directory, "blkcast-digest-");
    }
    ByteBuffer sorted = sortHeld();
    runs.add(new Run(spill, spilledBytes, spilledBytes + sorted.remaining()));
    while (sorted.hasRemaining()) {
      spilledBytes += spill.write(sorted, spilledBytes);
    }
    held.clear();
    ascending = true;
    lastOffset = -1;
  }

  private ByteBuffer sortHeld() {
    held.flip();
    if (ascending) {
      return held.duplicate();
    }
    ByteBuffer from = held;
    List<Integer> order = new ArrayList<>(held.remaining() / ENTRY);
    for (int at = 0; at < held.limit(); at += ENTRY) {
      order.add(at);
    }
    order.sort(Comparator.comparingLong(from::getLong));
    ByteBuffer sorted = ByteBuffer.allocate(held.limit());
    order.forEach(at -> sorted.put(from.slice(at, ENTRY)));
    return sorted.flip();
  }

  /**
   * The digest over all that was added. Call once.
   *
   * @return 32 bytes, or null when chunks overlap
   */
  byte @Nullable [] finish() throws IOException {
    if (runs.isEmpty()) {
      ByteBuffer sorted = sortHeld();
      while (sorted.hasRemaining()) {
        take(sorted);
      }
    } else {
      if (held.position() > 0) {
        spill();
      }
      merge();
    }
    return overlap ? null : total.digest();
  }

  private void merge() throws IOException {
    PriorityQueue<Run> queue = new PriorityQueue<>(Comparator.comparingLong(Run::offset));
    for (Run run : runs) {
      run.fill();
      queue.add(run);
    }
    for (Run run = queue.poll(); run != null; run = queue.poll()) {
      take(run.buffer);
      if (run.fill()) {
        queue.add(run);
      }
    }
  }

  private void take(ByteBuffer entry) {
    long offset = entry.getLong();
    long size = entry.getLong();
    overlap |= offset < coveredTo;
    coveredTo = Math.max(coveredTo, offset + size);
    total.update(entry.slice(entry.position(), Digests.LENGTH));
    entry.position(entry.position() + Digests.LENGTH);
  }

  @Override
  public void close() throws IOException {
    if (spill != null) {
      spill.close();
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** A sorted run in the file. */
  private static final class Run {
    private final FileChannel file;
    private final long end;
    private final ByteBuffer buffer = ByteBuffer.allocate(ENTRY * RUN_BUFFER_ENTRIES).limit(0);
    private long at;

    Run(FileChannel file, long start, long end) {
      this.file = file;
      this.at = start;
      this.end = end;
    }

    long offset() {
      return buffer.getLong(buffer.position());
    }

    /** Makes the next entry readable; false at the run's end. */
    boolean fill() throws IOException {
      if (buffer.hasRemaining()) {
        return true;
      }
      buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
      while (buffer.hasRemaining()) {
        int n = file.read(buffer, at);
        if (n < 0) {
          throw new EOFException("temporary file for digests was cut short");
        }
        at += n;
      }
      return buffer.flip().hasRemaining();
    }
  }
}
