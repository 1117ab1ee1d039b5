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
final class RecordReader {

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  /** A manifest has four UUIDs as text and two digests at least. */
  private static final int SHORTEST_MANIFEST = 4 * 36 + 2 * 32;

  private RecordReader() {}

  /** Closes a consumer, with brokers that are away for at most five seconds. */
  static void close(Consumer<?, ?> consumer) {
    consumer.close(CloseOptions.timeout(CLOSE_LIMIT));
  }

  /** The buffer's bytes in an array of their own; the buffer's position stays. */
  static ByteBuffer copy(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
  }

  /** What became of a record's value. */
  sealed interface Decoded {
    /** A record of ours. */
    record Read(SpecificRecord record) implements Decoded {}

    /**
     * None of our records: a stranger's, damaged, or of a version that is not known here.
     *
     * @param perhapsManifest whether it may all the same be a manifest of the volume
     */
    record Unread(String why, boolean perhapsManifest) implements Decoded {}
  }

  /**
   * Decodes what may be anybody's.
   *
   * @param value may be null: a tombstone
   * @throws CodecException where the schema registry fails, so that nothing can be said
   */
  static Decoded decode(RecordCodec codec, @Nullable ByteBuffer value) {
    if (value == null) {
      return new Decoded.Unread("it has no value", false);
    }
    try {
      return new Decoded.Read(codec.decode(value));
    } catch (CodecException e) {
      return switch (e.code()) {
        case REGISTRY_UNAVAILABLE, REGISTRY_DENIED -> throw e;
        case UNKNOWN_SCHEMA, INCOMPATIBLE -> foreign(value, String.valueOf(e.getMessage()), true);
        case MALFORMED, CORRUPTED ->
            foreign(value, String.valueOf(e.getMessage()), isFramed(value));
      };
    } catch (StackOverflowError e) {
      return new Decoded.Unread("its schema contains itself, without end", false);
    }
  }

  private static Decoded foreign(ByteBuffer value, String why, boolean schemaMayBeOurs) {
    if (!schemaMayBeOurs) {
      return new Decoded.Unread(why, false);
    }
    return value.remaining() < SHORTEST_MANIFEST
        ? new Decoded.Unread(
            "its %d bytes name no schema known here, and are too few for a manifest"
                .formatted(value.remaining()),
            false)
        : new Decoded.Unread(why, true);
  }

  /** Whether the value begins as one of ours may, in this framing or the other. */
  private static boolean isFramed(ByteBuffer value) {
    int at = value.position();
    return value.remaining() >= SHORTEST_MANIFEST
        && (value.get(at) == 0 || (value.get(at) & 0xFF) == 0xC3 && value.get(at + 1) == 1);
  }

  /** The record; null where there is none of ours. As of {@link #decode}. */
  static @Nullable SpecificRecord decodeOrNull(RecordCodec codec, @Nullable ByteBuffer value) {
    return decode(codec, value) instanceof Decoded.Read read ? read.record() : null;
  }
}
