package io.blkcast.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.avro.Schema;

/**
 * Avro's single-object encoding: the two bytes C3 01, then the fingerprint of the writer's schema,
 * eight bytes little-endian. Needs no registry: the schemas are in the jar.
 */
final class SingleObjectFraming implements Framing {

  private static final int MARK_HIGH = 0xC3;
  private static final int MARK_LOW = 0x01;
  private static final int LENGTH = 10;

  private final Map<String, byte[]> headers =
      Schemas.CURRENT.stream()
          .collect(Collectors.toMap(Schema::getFullName, SingleObjectFraming::make));

  private static byte[] make(Schema schema) {
    return ByteBuffer.allocate(LENGTH)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put((byte) MARK_HIGH)
        .put((byte) MARK_LOW)
        .putLong(Schemas.fingerprint(schema))
        .array();
  }

  @Override
  public byte[] header(String topic, Schema schema) {
    byte[] header = headers.get(schema.getFullName());
    if (header == null) {
      throw new IllegalArgumentException(schema.getFullName() + " is no record of ours");
    }
    return header;
  }

  @Override
  public Schema writer(ByteBuffer value) {
    if (value.remaining() < LENGTH) {
      throw CodecException.malformed(
          "value of "
              + value.remaining()
              + " bytes is too short for Avro's single-object encoding");
    }
    int high = value.get() & 0xFF;
    int low = value.get() & 0xFF;
    if (high != MARK_HIGH || low != MARK_LOW) {
      throw CodecException.malformed(
          String.format(
              "value starts with %02X %02X, not with C3 01 of Avro's single-object encoding%s",
              high,
              low,
              high == RegistryFraming.MAGIC
                  ? ": it was written with a schema registry, whose URL must be configured here too"
                  : ""));
    }
    long fingerprint = value.order(ByteOrder.LITTLE_ENDIAN).getLong();
    value.order(ByteOrder.BIG_ENDIAN);
    Schema schema = Schemas.byFingerprint(fingerprint);
    if (schema == null) {
      throw new CodecException(
          CodecException.Code.UNKNOWN_SCHEMA,
          "schema with fingerprint "
              + HexFormat.of().toHexDigits(fingerprint)
              + " is not known here: the writer is of a newer version, upgrade this side first");
    }
    return schema;
  }
}
