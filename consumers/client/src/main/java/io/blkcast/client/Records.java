package io.blkcast.client;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import java.nio.ByteBuffer;
import org.apache.avro.specific.SpecificRecord;
import org.jspecify.annotations.Nullable;

/** Decodes what stands in topics that others may write to as well. */
final class Records {

  private Records() {}

  /**
   * @param value may be null: a tombstone
   * @return null where the value is none of our records: a stranger's, or damaged
   * @throws CodecException where the schema registry fails, so that nothing can be said
   */
  static @Nullable SpecificRecord decode(RecordCodec codec, @Nullable ByteBuffer value) {
    if (value == null) {
      return null;
    }
    try {
      return codec.decode(value);
    } catch (CodecException e) {
      if (e.code() == CodecException.Code.REGISTRY_UNAVAILABLE
          || e.code() == CodecException.Code.REGISTRY_DENIED) {
        throw e;
      }
      return null;
    }
  }
}
