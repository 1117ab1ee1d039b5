package io.blkcast.exporter.publish;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Compresses payloads into a buffer that is used again. One call at a time. */
final class PayloadCompressor implements AutoCloseable {

  /** zstd's fastest ordinary level: the exporter must keep up with the disk. */
  private static final int LEVEL = 1;

  /** Native memory, so only where something is compressed. */
  private @Nullable ZstdCompressCtx zstd;

  private ByteBuffer target = ByteBuffer.allocateDirect(0);
  private ByteBuffer source = ByteBuffer.allocateDirect(0);

  /**
   * One zstd frame of the content.
   *
   * @param plain position to limit, which stay as they are
   * @return the frame, valid until the next call; or {@code plain} itself where it would not be
   *     smaller
   */
  ByteBuffer compress(ByteBuffer plain) {
    int size = plain.remaining();
    int bound = Math.toIntExact(Zstd.compressBound(size));
    if (target.capacity() < bound) {
      target = ByteBuffer.allocateDirect(bound);
    }
    ByteBuffer from = plain;
    if (!plain.isDirect()) {
      if (source.capacity() < size) {
        source = ByteBuffer.allocateDirect(size);
      }
      from = source.clear().put(plain.duplicate()).flip();
    }
    target.clear();
    int length =
        context()
            .compressDirectByteBuffer(target, 0, target.capacity(), from, from.position(), size);
    return length < size ? target.limit(length) : plain;
  }

  private ZstdCompressCtx context() {
    ZstdCompressCtx made = zstd == null ? new ZstdCompressCtx().setLevel(LEVEL) : zstd;
    zstd = made;
    return made;
  }

  @Override
  public void close() {
    if (zstd != null) {
      zstd.close();
    }
  }
}
