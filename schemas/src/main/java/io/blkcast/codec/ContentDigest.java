package io.blkcast.codec;

import java.nio.ByteBuffer;
import java.security.MessageDigest;

/**
 * The {@code content_digest} of an increment, computed as its chunks pass by in order of offset:
 * SHA-256 over their leaves. A leaf is SHA-256(byte offset, eight bytes big-endian; size likewise;
 * one byte, 0 for data and 1 for zero; the plain content, nothing for zero). Not for several
 * threads at once.
 *
 * <p>Some chunks may come {@linkplain #ahead ahead} of the others, in order among themselves; of
 * these the leaves are kept until it is their turn. Of the others nothing is kept.
 */
public final class ContentDigest {

  /** Most chunks that may come ahead: 16 GiB in chunks of 256 KiB, 3 MiB of leaves. */
  public static final int MOST_AHEAD = 65_536;

  /** Of a leaf that is kept: offset, size, leaf. */
  private static final int ENTRY = 2 * Long.BYTES + Digests.LENGTH;

  private static final int FIRST_ENTRIES = 64;

  private final MessageDigest leaf = Digests.sha256();
  private final MessageDigest content = Digests.sha256();
  private final ByteBuffer head = ByteBuffer.allocate(2 * Long.BYTES + 1);
  private ByteBuffer kept = ByteBuffer.allocate(0);
  private int taken;
  private boolean ahead;
  private long aheadEnd;
  private long end;

  /**
   * Whether the chunks from now on come ahead of their order: false unless said otherwise. All that
   * do come before the first that does not, and they are no more than {@link #MOST_AHEAD}.
   */
  public void ahead(boolean ahead) {
    if (ahead && end > 0) {
      throw new IllegalStateException("chunks come ahead of all others or in their order");
    }
    this.ahead = ahead;
  }

  /**
   * Adds a chunk with data, also one whose content happens to be all zero but travels as data.
   *
   * @param byteOffset at or after the end of the chunk before
   * @param plain position to limit: the content; left as it is
   */
  public void data(long byteOffset, ByteBuffer plain) {
    int size = plain.remaining();
    start(byteOffset, size, 0);
    leaf.update(plain.duplicate());
    add(byteOffset, size);
  }

  /** Adds a ZERO chunk. */
  public void zero(long byteOffset, long sizeBytes) {
    start(byteOffset, sizeBytes, 1);
    add(byteOffset, sizeBytes);
  }

  /** The digest, 32 bytes; begins anew. */
  public byte[] finish() {
    takeKept(Long.MAX_VALUE);
    kept.clear();
    taken = 0;
    ahead = false;
    aheadEnd = 0;
    end = 0;
    return content.digest();
  }

  private void start(long byteOffset, long sizeBytes, int kind) {
    head.clear().putLong(byteOffset).putLong(sizeBytes).put((byte) kind).flip();
    leaf.update(head);
  }

  private void add(long byteOffset, long sizeBytes) {
    byte[] hash = leaf.digest();
    if (ahead) {
      aheadEnd = follow(aheadEnd, byteOffset, sizeBytes);
      keep(byteOffset, sizeBytes, hash);
    } else {
      takeKept(byteOffset);
      end = follow(end, byteOffset, sizeBytes);
      content.update(hash);
    }
  }

  private void keep(long byteOffset, long sizeBytes, byte[] hash) {
    if (!kept.hasRemaining()) {
      if (kept.position() == MOST_AHEAD * ENTRY) {
        throw new IllegalStateException("more than " + MOST_AHEAD + " chunks come ahead");
      }
      int entries = Math.max(FIRST_ENTRIES, 2 * kept.capacity() / ENTRY);
      kept = ByteBuffer.allocate(Math.min(entries, MOST_AHEAD) * ENTRY).put(kept.flip());
    }
    kept.putLong(byteOffset).putLong(sizeBytes).put(hash);
  }

  /** Takes in what came ahead and lies before the offset. */
  private void takeKept(long before) {
    for (; taken < kept.position() && kept.getLong(taken) < before; taken += ENTRY) {
      end = follow(end, kept.getLong(taken), kept.getLong(taken + Long.BYTES));
      content.update(kept.array(), taken + 2 * Long.BYTES, Digests.LENGTH);
    }
  }

  private static long follow(long end, long byteOffset, long sizeBytes) {
    if (byteOffset < end || sizeBytes < 1) {
      throw new IllegalArgumentException(
          "chunk of "
              + sizeBytes
              + " bytes at "
              + byteOffset
              + " after one that ended at "
              + end
              + ": chunks come in order of offset and do not overlap");
    }
    return byteOffset + sizeBytes;
  }
}
