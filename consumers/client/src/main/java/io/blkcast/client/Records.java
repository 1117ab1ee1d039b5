package io.blkcast.client;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.jspecify.annotations.Nullable;

/** What readers of topics have in common, to which others may write as well. */
final class Records {

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private Records() {}

  /** Closes a consumer, with brokers that are away for at most five seconds. */
  static void close(Consumer<?, ?> consumer) {
    consumer.close(CloseOptions.timeout(CLOSE_LIMIT));
  }

  /** The buffer's bytes in an array of their own; the buffer's position stays. */
  static ByteBuffer copy(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
  }

  /**
   * @param value may be null: a tombstone
   * @return null where the value is none of our records: a stranger's, or damaged
   * @throws CodecException where the schema registry fails or the writer's schema is not known, so
   *     that nothing can be said
   */
  static @Nullable SpecificRecord decode(RecordCodec codec, @Nullable ByteBuffer value) {
    if (value == null) {
      return null;
    }
    try {
      return codec.decode(value);
    } catch (CodecException e) {
      if (e.code() != CodecException.Code.MALFORMED) {
        throw e;
      }
      return null;
    }
  }
}
