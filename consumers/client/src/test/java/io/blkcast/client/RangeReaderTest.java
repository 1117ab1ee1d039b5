package io.blkcast.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.PartitionRange;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RangeReaderTest {

  private static final TopicPartition PARTITION = new TopicPartition("chunks", 0);

  private final RecordCodec codec = RecordCodec.singleObject();
  private final MockConsumer<byte[], ByteBuffer> consumer = new MockConsumer<>("none");
  private final RangeReader reader =
      new RangeReader(consumer, PARTITION.topic(), codec, Path.of(""), Topics.IMPATIENT);
  private final List<Long> read = new ArrayList<>();
  private final List<TopicPartition> paused = new ArrayList<>();

  @BeforeEach
  void haveALog() {
    consumer.updateBeginningOffsets(Map.of(PARTITION, 0L));
    consumer.updateEndOffsets(Map.of(PARTITION, 2L));
  }

  /** A BASELINE of one hole, whose chunk is one of the first two records. */
  private static IncrementCommitted manifest() throws Exception {
    return Manifests.seal(
        IncrementCommitted.newBuilder(Manifests.hole("vol", Manifests.CAPACITY))
            .setChunkRanges(List.of(new PartitionRange(0, 0L, 2L, 1L)))
            .build());
  }

  private byte[] chunk(IncrementCommitted manifest) {
    return codec.encode(PARTITION.topic(), Manifests.chunkOfHole(manifest));
  }

  /** A record whose schema is not known. */
  private byte[] newer(IncrementCommitted manifest) {
    byte[] value = chunk(manifest);
    value[5] ^= 1;
    return value;
  }

  private void add(long offset, String key, byte[] value) {
    consumer.addRecord(
        new ConsumerRecord<>(
            PARTITION.topic(),
            PARTITION.partition(),
            offset,
            key.getBytes(StandardCharsets.UTF_8),
            ByteBuffer.wrap(value)));
  }

  private void read(IncrementCommitted manifest) throws IncrementException {
    reader.read(manifest, (chunk, content) -> read.add(chunk.getSizeBytes()));
  }

  @Test
  void chunkThatCannotBeReadIsNamedWhereOneIsMissing() throws Exception {
    IncrementCommitted manifest = manifest();
    consumer.schedulePollTask(
        () -> {
          add(0, "other", newer(manifest));
          add(1, "vol", newer(manifest));
        });
    assertThatThrownBy(() -> read(manifest))
        .isInstanceOfSatisfying(
            IncrementException.class,
            e -> assertThat(e.code()).isEqualTo(IncrementException.Code.CORRUPT))
        .hasMessageContaining("cannot be read")
        .hasMessageContaining("chunks-0 at offset 1");
  }

  @Test
  void rangesThatHoldOthersAloneAreNoLongerRetained() throws Exception {
    IncrementCommitted manifest = manifest();
    consumer.schedulePollTask(
        () -> {
          add(0, "other", chunk(manifest));
          add(1, "other", chunk(manifest));
        });
    assertThatThrownBy(() -> read(manifest))
        .isInstanceOfSatisfying(
            IncrementException.class,
            e -> assertThat(e.code()).isEqualTo(IncrementException.Code.MISSING))
        .hasMessageContaining("made anew");
  }

  @Test
  void whatOthersWroteInBetweenNeedNotBeUnderstood() throws Exception {
    IncrementCommitted manifest = manifest();
    consumer.schedulePollTask(
        () -> {
          add(0, "other", newer(manifest));
          add(1, "vol", chunk(manifest));
        });
    read(manifest);
    assertThat(read).containsExactly((long) Manifests.CAPACITY);
  }

  @Test
  void everyPassAsksForRecordsFromItsFirstPollOn() throws Exception {
    IncrementCommitted manifest = manifest();
    for (int pass = 0; pass < 2; pass++) {
      consumer.schedulePollTask(
          () -> {
            paused.addAll(consumer.paused());
            add(0, "vol", chunk(manifest));
            add(1, "other", chunk(manifest));
          });
      read(manifest);
    }
    assertThat(paused).isEmpty();
    assertThat(read).hasSize(2);
  }
}
