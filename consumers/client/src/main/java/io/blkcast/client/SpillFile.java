package io.blkcast.client;

import io.blkcast.codec.RecordCodec;
import io.blkcast.file.OwnFiles;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementCommitted;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * The chunks of one increment, as they were read, in a temporary file until it is known how the
 * increment ends. Nothing of it is trusted before it was read once.
 */
final class SpillFile implements Closeable {

  /** A record of ours cannot be larger: its content is bounded, and so is what is around it. */
  private static final int MAX_RECORD = IncrementCheck.MAX_CONTENT + (64 << 10);

  private final Path dir;
  private final FileChannel file;
  private final RecordCodec codec;
  private long end;

  SpillFile(Path dir, RecordCodec codec) throws IOException {
    this.dir = dir;
    this.codec = codec;
    file = OwnFiles.scratch(dir, "increment-");
  }

  /** Appends a chunk's record value. */
  void add(ByteBuffer value) throws IOException {
    ByteBuffer[] parts = {
      ByteBuffer.allocate(Integer.BYTES).putInt(value.remaining()).flip(), value.duplicate()
    };
    file.position(end);
    while (parts[1].hasRemaining()) {
      end += file.write(parts);
    }
  }

  /** Hands on all chunks, each checked; at the end, that they are all that the manifest names. */
  void read(IncrementCommitted manifest, RangeReader.Handler handler) throws IncrementException {
    try (IncrementCheck check = new IncrementCheck(manifest, dir)) {
      ByteBuffer length = ByteBuffer.allocate(Integer.BYTES);
      for (long at = 0; at < end; ) {
        at = fill(length.clear(), at);
        int size = length.getInt();
        if (size < 0 || size > MAX_RECORD) {
          throw new IOException("the staged increment is damaged");
        }
        ByteBuffer value = ByteBuffer.allocate(size);
        at = fill(value, at);
        if (codec.decode(value) instanceof DataChunk chunk) {
          handler.chunk(chunk, check.accept(chunk));
        }
      }
      check.finish();
    } catch (IOException e) {
      throw new IncrementException(
          IncrementException.Code.SINK, "cannot read the staged increment: " + e.getMessage(), e);
    }
  }

  private long fill(ByteBuffer into, long from) throws IOException {
    long at = from;
    while (into.hasRemaining()) {
      int n = file.read(into, at);
      if (n < 0) {
        throw new EOFException("the staged increment was cut short");
      }
      at += n;
    }
    into.flip();
    return at;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
