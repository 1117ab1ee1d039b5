package io.blkcast.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * What an export serves. Calls block, come from several threads at once, and lie within the size;
 * buffers are direct. A failure that has a meaning of its own in the protocol is told by {@link
 * NbdException}, any other {@link IOException} becomes {@code EIO}.
 */
public interface BlockStore {

  /** Bytes of the export. */
  long size();

  /** Whether writing commands are refused with {@code EPERM}. */
  default boolean readOnly() {
    return false;
  }

  /** Fills the buffer from {@code offset} on. */
  void read(long offset, ByteBuffer dst) throws IOException;

  /** Writes what remains in the buffer; what is read from now on is that. */
  void write(long offset, ByteBuffer src) throws IOException;

  /** Tells that the content is not needed; it may read as anything, best as zero. */
  void trim(long offset, long length) throws IOException;

  /**
   * Makes the range read as zero.
   *
   * @param keepAllocated the range must not become a hole
   * @param fast fail with {@link NbdException.Error#NOT_SUPPORTED} at once if this is not faster
   *     than writing zeroes
   */
  void writeZeroes(long offset, long length, boolean keepAllocated, boolean fast)
      throws IOException;

  /** Returns when all that was written before is on stable storage. */
  void flush() throws IOException;

  /**
   * Whether the store has a hole at the offset, and how far that is so.
   *
   * @param limit most bytes to look ahead, at least 1
   * @return the length of the run, 1 to limit; negated if it is a hole, which reads as zero
   */
  default long run(long offset, long limit) throws IOException {
    return limit;
  }
}
