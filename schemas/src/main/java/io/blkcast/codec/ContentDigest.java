package io.blkcast.codec;

import java.nio.ByteBuffer;
import java.security.MessageDigest;

/**
 * The {@code content_digest} of an increment, computed as its chunks pass by in order of offset:
 * SHA-256 over their leaves. A leaf is SHA-256(byte offset, eight bytes big-endian; size likewise;
 * one byte, 0 for data and 1 for zero; the plain content, nothing for zero). Keeps nothing of the
 * chunks. Not for several threads at once.
 */
public final class ContentDigest {

  private final MessageDigest leaf = Digests.sha256();
  private final MessageDigest content = Digests.sha256();
  private final ByteBuffer head = ByteBuffer.allocate(2 * Long.BYTES + 1);
  private long end;

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
    content.update(leaf.digest());
  }

  /** Adds a ZERO chunk. */
  public void zero(long byteOffset, long sizeBytes) {
    start(byteOffset, sizeBytes, 1);
    content.update(leaf.digest());
  }

  /** The digest, 32 bytes; begins anew. */
  public byte[] finish() {
    end = 0;
    return content.digest();
  }

  private void start(long byteOffset, long sizeBytes, int kind) {
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
    end = byteOffset + sizeBytes;
    head.clear().putLong(byteOffset).putLong(sizeBytes).put((byte) kind).flip();
    leaf.update(head);
  }
}
