package io.blkcast.codec;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.avro.Schema;

/**
 * The framing of schema registries: a zero byte, then the schema's id, four bytes big-endian.
 * Schemas are registered under the subject {@code <topic>-<full name of the record>}, so that a
 * topic can carry several kinds.
 */
final class RegistryFraming implements Framing {

  static final int MAGIC = 0;
  private static final int LENGTH = 5;

  private final SchemaRegistryClient registry;
  private final Map<String, byte[]> headers = new ConcurrentHashMap<>();
  private final Map<Integer, Schema> writers = new ConcurrentHashMap<>();

  RegistryFraming(SchemaRegistryClient registry) {
    this.registry = registry;
  }

  /** The topic-record name of a subject. */
  static String subject(String topic, Schema schema) {
    return topic + "-" + schema.getFullName();
  }

  @Override
  public byte[] header(String topic, Schema schema) {
    String subject = subject(topic, schema);
    byte[] header = headers.get(subject);
    if (header == null) {
      int id = registry.register(subject, Schemas.source(schema));
      header = ByteBuffer.allocate(LENGTH).put((byte) MAGIC).putInt(id).array();
      headers.put(subject, header);
      // What we registered we can read, registry or not.
      writers.put(id, schema);
    }
    return header;
  }

  @Override
  public Schema writer(ByteBuffer value) {
    if (value.remaining() < LENGTH) {
      throw CodecException.malformed(
          "value of " + value.remaining() + " bytes is too short for a schema registry's framing");
    }
    int magic = value.get() & 0xFF;
    if (magic != MAGIC) {
      throw CodecException.malformed(
          String.format(
              "value starts with %02X, not with the zero byte of a schema registry's framing: "
                  + "was it written without a registry?",
              magic));
    }
    int id = value.getInt();
    Schema schema = writers.get(id);
    if (schema == null) {
      schema = Schemas.canonical(registry.byId(id));
      writers.put(id, schema);
    }
    return schema;
  }
}
