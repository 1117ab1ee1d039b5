package io.blkcast.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.RecordCodec;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class CatalogueTest {

  private static final TopicPartition PARTITION = new TopicPartition("increments", 0);

  private final RecordCodec codec = RecordCodec.singleObject();
  private final MockConsumer<byte[], ByteBuffer> consumer = new MockConsumer<>("none");

  @BeforeEach
  void assign() {
    consumer.assign(List.of(PARTITION));
    consumer.updateBeginningOffsets(Map.of(PARTITION, 0L));
    consumer.seek(PARTITION, 0);
  }

  private void add(long offset, byte[] value) {
    // As a consumer has it: a piece of all that was fetched.
    ByteBuffer fetched = ByteBuffer.allocate(1 << 20).put(5, value).slice(5, value.length);
    consumer.addRecord(
        new ConsumerRecord<>(
            PARTITION.topic(),
            PARTITION.partition(),
            offset,
            "vol".getBytes(StandardCharsets.UTF_8),
            fetched));
  }

  private byte[] manifest() {
    return codec.encode(PARTITION.topic(), Manifests.baseline("vol"));
  }

  @Test
  void manifestThatIsKeptKeepsNothingElseOfWhatWasFetchedInMemory() {
    byte[] value = manifest();
    add(0, value);
    List<Catalogue.Entry> entries =
        new Catalogue(consumer, PARTITION.topic(), "vol", codec).poll(Duration.ZERO);
    assertThat(entries)
        .singleElement()
        .satisfies(entry -> assertThat(entry.raw().array()).isEqualTo(value));
  }

  @Test
  void manifestsBeforeOneThatCannotBeReadComeOutAndThatOneIsMetAgain() {
    byte[] unknown = manifest();
    unknown[5] ^= 1;
    add(0, manifest());
    add(1, unknown);
    add(2, manifest());
    Catalogue catalogue = new Catalogue(consumer, PARTITION.topic(), "vol", codec);

    assertThat(catalogue.poll(Duration.ZERO))
        .extracting(Catalogue.Entry::offset)
        .containsExactly(0L);
    assertThat(consumer.position(PARTITION)).isEqualTo(1);

    add(1, unknown);
    add(2, manifest());
    assertThatThrownBy(() -> catalogue.poll(Duration.ZERO)).hasMessageContaining("upgrade");
    assertThat(consumer.position(PARTITION)).isEqualTo(1);
  }
}
