package io.blkcast.codec;

import java.nio.ByteBuffer;
import org.apache.avro.Schema;

/** What precedes the Avro body of a value and says with which schema it was written. */
interface Framing {

  /**
   * The bytes before the body.
   *
   * @param topic topic that the record goes to
   * @param schema the record's current schema
   * @throws CodecException where the schema cannot be registered
   */
  byte[] header(String topic, Schema schema);

  /**
   * Reads the header; leaves the buffer's position at the body.
   *
   * @return the writer's schema: the instance of {@link Schemas} where it is one of ours
   * @throws CodecException where the bytes are not of this framing or the schema cannot be had
   */
  Schema writer(ByteBuffer value);
}
