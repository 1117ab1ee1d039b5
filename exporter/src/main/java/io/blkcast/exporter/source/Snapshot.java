package io.blkcast.exporter.source;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** A read-only point-in-time image of one or more volumes, all at one instant. */
public interface Snapshot extends AutoCloseable {

  UUID id();

  Instant takenAt();

  /** The images, in the order in which the volumes were named. */
  List<Image> images();

  /**
   * Destroys the snapshot and frees its difference storage. Idempotent; waits for reads under way.
   */
  @Override
  void close() throws SourceException;

  /** The image of one volume. Methods may be called from several threads at once. */
  interface Image {

    String volume();

    /** Whether the filesystem on the volume was frozen at the take, so that its log is clean. */
    default boolean filesystemFrozen() {
      return false;
    }

    /** State of tracking as of this snapshot's take. */
    TrackingInfo info();

    /**
     * The change map as of the take: one byte per tracking block. Read once, then kept by the
     * caller.
     */
    ChangeMap changeMap() throws SourceException;

    /**
     * Reads {@code dst.remaining()} bytes from the byte offset on and advances the buffer's
     * position to its limit.
     *
     * @param offset bytes, with the length within the capacity; sources may be fastest with
     *     multiples of 4096 and direct buffers so aligned, but accept any
     * @throws SourceException {@code CORRUPTED} when the image is no more what it was (difference
     *     storage overflowed or failed); {@code RELEASED} for a released range; {@code IO}
     */
    void read(long offset, ByteBuffer dst) throws SourceException;

    /**
     * Reads what lies side by side from the byte offset on, each buffer filled as by {@link
     * #read(long, ByteBuffer)}. A source that pays by the request asks for all at once.
     */
    default void read(long offset, List<ByteBuffer> dsts) throws SourceException {
      long at = offset;
      for (ByteBuffer dst : dsts) {
        int length = dst.remaining();
        read(at, dst);
        at += length;
      }
    }

    /**
     * The next range at or after {@code from} that may hold anything but zeroes; what lies before
     * it reads as zero and need not be read. Speaks of the image, so data that was kept aside
     * counts where the source has a hole by now. A source that cannot tell returns all from {@code
     * from} on. Cheap enough to be asked once for every few chunks.
     *
     * @param from bytes, 0 up to the capacity
     * @return empty when only zeroes follow
     */
    default Optional<Extent> data(long from) throws SourceException {
      long capacity = info().capacityBytes();
      return from >= capacity ? Optional.empty() : Optional.of(new Extent(from, capacity - from));
    }

    /**
     * Tells that the range need not be kept any longer: its old data is freed, writes to it are not
     * copied aside any more, reads of it fail. Does nothing where the source cannot. A source may
     * round the range inwards, to the units in which it keeps data.
     */
    void release(long offset, long length) throws SourceException;

    /** Throws {@code CORRUPTED} with the cause if the image is no more what it was. */
    void check() throws SourceException;

    /** Use of the difference storage that this image shares with the others of its snapshot. */
    StorageUsage storage();
  }

  /**
   * Use of a difference storage.
   *
   * @param usedBytes bytes of old data held
   * @param limitBytes most it may hold; beyond it the image is corrupted
   */
  record StorageUsage(long usedBytes, long limitBytes) {}
}
