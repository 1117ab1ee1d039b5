package io.blkcast.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.codec.Digests;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import java.nio.ByteBuffer;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class BufferedTest {

  private static final int SIZE = 4096;
  private static final int FETCHED = 4 << 20;

  @Test
  void heldChunkKeepsNothingElseOfWhatWasFetchedInMemory() {
    RecordCodec codec = RecordCodec.singleObject();
    byte[] content = new byte[SIZE];
    content[7] = 42;
    byte[] record =
        codec.encode(
            "chunks",
            new DataChunk(
                "vol",
                new UUID(1, 2),
                0L,
                0L,
                (long) SIZE,
                Digests.crc32c(ByteBuffer.wrap(content)),
                ChunkEncoding.RAW,
                ByteBuffer.wrap(content)));
    ByteBuffer fetched = ByteBuffer.allocate(FETCHED).put(100, record).slice(100, record.length);
    DataChunk chunk = (DataChunk) codec.decode(fetched);

    ByteBuffer held = Buffered.of(chunk, chunk.getPayload()).content();

    assertThat(held).isEqualTo(ByteBuffer.wrap(content));
    assertThat(held.array()).hasSize(SIZE);
    assertThat(chunk.getPayload().remaining()).isEqualTo(SIZE);
  }
}
