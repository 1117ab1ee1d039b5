package io.blkcast.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** An array of bytes; where a whole block of 4096 is zero it has a hole. */
class MemoryStore implements BlockStore {

  private static final int BLOCK = 4096;

  final byte[] content;
  int flushes;

  MemoryStore(int size) {
    this.content = new byte[size];
  }

  @Override
  public long size() {
    return content.length;
  }

  @Override
  public synchronized void read(long offset, ByteBuffer dst) {
    dst.put(content, (int) offset, dst.remaining());
  }

  @Override
  public synchronized void write(long offset, ByteBuffer src) throws IOException {
    src.get(content, (int) offset, src.remaining());
  }

  @Override
  public synchronized void trim(long offset, long length) {
    Arrays.fill(content, (int) offset, (int) (offset + length), (byte) 0);
  }

  @Override
  public void writeZeroes(long offset, long length, boolean keepAllocated, boolean fast)
      throws IOException {
    if (fast) {
      throw new NbdException(NbdException.Error.NOT_SUPPORTED, "not faster than writing");
    }
    trim(offset, length);
  }

  @Override
  public synchronized void flush() {
    flushes++;
  }

  @Override
  public synchronized long run(long offset, long limit) {
    boolean hole = isHole(offset);
    long end = offset;
    while (end < offset + limit && isHole(end) == hole) {
      end = (end / BLOCK + 1) * BLOCK;
    }
    long length = Math.min(end - offset, limit);
    return hole ? -length : length;
  }

  private boolean isHole(long offset) {
    int from = (int) (offset / BLOCK * BLOCK);
    int to = Math.min(from + BLOCK, content.length);
    for (int at = from; at < to; at++) {
      if (content[at] != 0) {
        return false;
      }
    }
    return true;
  }
}
