package io.blkcast.codec;

import java.nio.ByteBuffer;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;

/**
 * Kafka's deserializer over a codec; null stays null, a tombstone. A consumer hands over slices of
 * what it fetched, so a chunk's payload is not copied; it keeps the fetched batch in memory for as
 * long as it is referred to.
 */
public final class RecordDeserializer implements Deserializer<SpecificRecordBase> {

  private final RecordCodec codec;

  public RecordDeserializer(RecordCodec codec) {
    this.codec = codec;
  }

  @Override
  @SuppressWarnings("NullAway") // Kafka's interface is not annotated; null is a tombstone there
  public @Nullable SpecificRecordBase deserialize(String topic, byte @Nullable [] value) {
    return value == null ? null : codec.decode(ByteBuffer.wrap(value));
  }

  @Override
  @SuppressWarnings("NullAway") // as above
  public @Nullable SpecificRecordBase deserialize(
      String topic, Headers headers, @Nullable ByteBuffer value) {
    return value == null ? null : codec.decode(value);
  }
}
