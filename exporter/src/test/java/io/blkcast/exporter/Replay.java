package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import io.blkcast.codec.ContentDigest;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.IncrementStarted;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The simplest consumer there can be, to judge the exporter by: reads the chunks topic from its
 * beginning, stages what follows a start, and applies it to an array at the commit.
 */
final class Replay {

  final List<IncrementCommitted> committed = new ArrayList<>();
  final List<IncrementAborted> aborted = new ArrayList<>();
  byte[] content = new byte[0];

  /** Offsets of the last increment's chunks, as they came. */
  List<Long> order = List.of();

  private final Map<UUID, List<DataChunk>> staged = new HashMap<>();

  private Replay() {}

  /** Everything of one volume that is on the topic by now. */
  static Replay of(String bootstrap, String volume) {
    Replay replay = new Replay();
    RecordCodec codec = RecordCodec.singleObject();
    TopicPartition partition = new TopicPartition("blkcast.chunks", 0);
    Map<String, Object> properties =
        Map.of(
            "bootstrap.servers",
            bootstrap,
            "isolation.level",
            "read_committed",
            "key.deserializer",
            ByteArrayDeserializer.class,
            "value.deserializer",
            ByteArrayDeserializer.class);
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        for (ConsumerRecord<byte[], byte[]> entry : consumer.poll(Duration.ofMillis(200))) {
          if (new String(entry.key(), java.nio.charset.StandardCharsets.UTF_8).equals(volume)) {
            replay.take(codec.decode(ByteBuffer.wrap(entry.value())));
          }
        }
      }
    }
    return replay;
  }

  private void take(Object entry) {
    if (entry instanceof IncrementStarted started) {
      staged.put(started.getIncrementId(), new ArrayList<>());
    } else if (entry instanceof DataChunk chunk) {
      List<DataChunk> chunks = staged.get(chunk.getIncrementId());
      assertThat(chunks).as("chunks of an increment that was started").isNotNull();
      assertThat(chunk.getSequence()).isEqualTo(chunks.size());
      chunks.add(chunk);
    } else if (entry instanceof IncrementAborted given) {
      aborted.add(given);
      staged.remove(given.getIncrementId());
    } else if (entry instanceof IncrementCommitted manifest) {
      apply(manifest, staged.remove(manifest.getIncrementId()));
    }
  }

  private void apply(IncrementCommitted manifest, List<DataChunk> chunks) {
    if (manifest.getKind() == IncrementKind.BASELINE) {
      content = new byte[Math.toIntExact(manifest.getVolumeCapacityBytes())];
    } else {
      assertThat(manifest.getParentIncrementId())
          .as("a DELTA stands on what was committed right before")
          .isEqualTo(committed.get(committed.size() - 1).getIncrementId());
    }
    assertThat((long) chunks.size()).isEqualTo(manifest.getChunkCount());
    order = chunks.stream().map(DataChunk::getByteOffset).toList();
    ContentDigest digest = new ContentDigest();
    long bytes = 0;
    chunks.sort(Comparator.comparingLong(DataChunk::getByteOffset));
    for (DataChunk chunk : chunks) {
      int offset = Math.toIntExact(chunk.getByteOffset());
      int size = Math.toIntExact(chunk.getSizeBytes());
      byte[] payload = new byte[chunk.getPayload().remaining()];
      chunk.getPayload().get(payload);
      byte[] plain =
          switch (chunk.getEncoding()) {
            case RAW -> payload;
            case ZERO -> new byte[size];
            case ZSTD -> Zstd.decompress(payload, size);
          };
      System.arraycopy(plain, 0, content, offset, size);
      if (chunk.getEncoding() == ChunkEncoding.ZERO) {
        digest.zero(offset, size);
      } else {
        digest.data(offset, ByteBuffer.wrap(plain));
      }
      bytes += size;
    }
    assertThat(bytes).isEqualTo(manifest.getChangedBytes());
    assertThat(ByteBuffer.wrap(digest.finish())).isEqualTo(manifest.getContentDigest());
    committed.add(manifest);
  }
}
