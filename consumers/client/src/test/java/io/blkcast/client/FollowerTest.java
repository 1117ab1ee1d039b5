package io.blkcast.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.TopicNames;
import io.blkcast.schema.IncrementCommitted;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FollowerTest {

  private static final long CAPACITY = 10L << 30;

  private final TopicNames topics = TopicNames.defaults();
  private final RecordCodec codec = RecordCodec.singleObject();
  private final MockConsumer<byte[], ByteBuffer> catalogue = new MockConsumer<>("none");
  private final MockConsumer<byte[], ByteBuffer> chunks = new MockConsumer<>("none");
  private final Zeroes sink = new Zeroes();
  private final List<Long> progress = new ArrayList<>();
  private IncrementCommitted manifest;

  /** Takes nothing but zeroes. */
  private static final class Zeroes implements IncrementSink {
    private final List<Long> sizes = new ArrayList<>();
    private Runnable then = () -> {};
    private boolean committed;

    @Override
    public State state() {
      return State.EMPTY;
    }

    @Override
    public void check(IncrementCommitted manifest) {}

    @Override
    public void begin(IncrementCommitted manifest) {}

    @Override
    public void data(long offset, ByteBuffer content) {
      throw new AssertionError("there is no data");
    }

    @Override
    public void zero(long offset, long length) {
      assertThat(offset).isEqualTo(sizes.stream().mapToLong(size -> size).sum());
      sizes.add(length);
      then.run();
    }

    @Override
    public void commit(IncrementCommitted manifest) {
      committed = true;
    }
  }

  @BeforeEach
  void publishABaselineOfOneHole() throws Exception {
    manifest = Manifests.hole("vol", CAPACITY);
    one(catalogue, topics.increments(), manifest);
    // It is read by whoever looks for the place to begin, then again from there.
    one(catalogue, topics.increments(), manifest);
    one(chunks, topics.chunks(), Manifests.chunkOfHole(manifest));
    // Whoever asks it where the catalogue ends wants to know of open transactions.
    chunks.updateEndOffsets(Map.of(new TopicPartition(topics.increments(), 0), 1L));
  }

  /** Has the log's one record come with the next poll. */
  private void one(
      MockConsumer<byte[], ByteBuffer> consumer, String topic, SpecificRecordBase record) {
    TopicPartition partition = new TopicPartition(topic, 0);
    consumer.updatePartitions(topic, List.of(new PartitionInfo(topic, 0, null, null, null)));
    consumer.updateBeginningOffsets(Map.of(partition, 0L));
    consumer.updateEndOffsets(Map.of(partition, 1L));
    consumer.schedulePollTask(
        () ->
            consumer.addRecord(
                new ConsumerRecord<>(
                    topic,
                    0,
                    0,
                    "vol".getBytes(StandardCharsets.UTF_8),
                    ByteBuffer.wrap(codec.encode(topic, record)))));
  }

  private Follower follower() {
    FollowerListener listener =
        new FollowerListener() {
          @Override
          public void progress(IncrementCommitted manifest, Phase phase, long bytes) {
            if (phase == Phase.APPLY) {
              progress.add(bytes);
            }
          }
        };
    return new Follower(FollowerConfig.of("vol", Map.of()), sink, listener, catalogue, chunks);
  }

  @Test
  void holeAsLargeAsTheVolumeIsAppliedInPieces() throws Exception {
    try (Follower follower = follower()) {
      follower.run(Follower.Until.CAUGHT_UP);
    }
    assertThat(sink.sizes)
        .allMatch(size -> size <= 256L << 20)
        .satisfies(sizes -> assertThat(sizes.stream().mapToLong(n -> n).sum()).isEqualTo(CAPACITY));
    assertThat(progress).isEqualTo(sink.sizes);
    assertThat(sink.committed).isTrue();
  }

  @Test
  void stopEndsTheApplicationOfAHoleBetweenTwoPieces() throws Exception {
    try (Follower follower = follower()) {
      sink.then = follower::stop;
      follower.run(Follower.Until.CLOSED);
    }
    assertThat(sink.sizes).hasSize(1);
    assertThat(sink.committed).isFalse();
  }
}
