package io.blkcast.codec;

import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.common.serialization.Serializer;
import org.jspecify.annotations.Nullable;

/** Kafka's serializer over a codec; null stays null, a tombstone. */
public final class RecordSerializer implements Serializer<SpecificRecordBase> {

  private final RecordCodec codec;

  public RecordSerializer(RecordCodec codec) {
    this.codec = codec;
  }

  @Override
  @SuppressWarnings("NullAway") // Kafka's interface is not annotated; null is a tombstone there
  public byte @Nullable [] serialize(String topic, @Nullable SpecificRecordBase record) {
    return record == null ? null : codec.encode(topic, record);
  }
}
