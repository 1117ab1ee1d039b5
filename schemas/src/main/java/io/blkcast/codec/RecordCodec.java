package io.blkcast.codec;

import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementCommitted;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DatumReader;
import org.apache.avro.io.DatumWriter;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificRecordBase;

/** Encodes and decodes every record of the project, in one of the two framings. Thread-safe. */
public final class RecordCodec {

  private final Framing framing;
  private final Map<Schema, DatumReader<SpecificRecordBase>> readers = new ConcurrentHashMap<>();

  private RecordCodec(Framing framing) {
    this.framing = framing;
  }

  /** Avro's single-object encoding; needs no registry. */
  public static RecordCodec singleObject() {
    return new RecordCodec(new SingleObjectFraming());
  }

  /** The framing of schema registries. */
  public static RecordCodec registry(SchemaRegistryClient registry) {
    return new RecordCodec(new RegistryFraming(registry));
  }

  /**
   * Makes the framing of every record of these topics known, so that a schema registry is not
   * needed for them any more. Does nothing without one.
   *
   * @throws CodecException where the schema registry fails or refuses a schema
   */
  public void prepare(TopicNames topics) {
    topics
        .records()
        .forEach((topic, schemas) -> schemas.forEach(schema -> framing.header(topic, schema)));
  }

  /**
   * Encodes a record for a topic. For the chunks of an increment {@link #chunkEncoder} is faster.
   *
   * @throws CodecException where a schema registry is needed and fails
   */
  public byte[] encode(String topic, SpecificRecordBase record) {
    byte[] header = framing.header(topic, record.getSchema());
    if (record instanceof DataChunk chunk) {
      return new ChunkEncoder(header, chunk.getVolume(), chunk.getIncrementId())
          .encode(
              chunk.getSequence(),
              chunk.getByteOffset(),
              chunk.getSizeBytes(),
              chunk.getCrc32c(),
              chunk.getEncoding(),
              chunk.getPayload());
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    out.writeBytes(header);
    write(record, out);
    return out.toByteArray();
  }

  /**
   * An encoder for the chunks of one increment.
   *
   * @throws CodecException where a schema registry is needed and fails
   */
  public ChunkEncoder chunkEncoder(String topic, String volume, UUID incrementId) {
    return new ChunkEncoder(framing.header(topic, DataChunk.getClassSchema()), volume, incrementId);
  }

  /**
   * Decodes a value; its buffer's position and limit stay as they are.
   *
   * @param value a whole value; the payload of a {@code DataChunk} becomes a slice of it
   * @throws CodecException where the bytes or their schema are at fault, or the registry fails
   */
  public SpecificRecordBase decode(ByteBuffer value) {
    return guarded(() -> decoded(value));
  }

  /**
   * Decodes by schemas that others wrote. One that contains itself, or nests without end, makes
   * Avro overflow the stack, and a length that was made up makes it ask for all memory: both are
   * faults of the record like any other.
   */
  private static <T> T guarded(Supplier<T> decoding) {
    try {
      return decoding.get();
    } catch (CodecException e) {
      throw e;
    } catch (StackOverflowError e) {
      throw new CodecException(
          CodecException.Code.MALFORMED, "a record or its schema nests too deeply", e);
    } catch (OutOfMemoryError e) {
      throw new CodecException(
          CodecException.Code.MALFORMED, "a record claims to hold more than fits into memory", e);
    } catch (RuntimeException e) {
      throw new CodecException(
          CodecException.Code.MALFORMED, "a record's schema cannot be used: " + e, e);
    }
  }

  private SpecificRecordBase decoded(ByteBuffer value) {
    ByteBuffer in = value.duplicate();
    Schema writer = framing.writer(in);
    if (writer == DataChunk.getClassSchema()) {
      return ChunkDecoder.decode(in);
    }
    DatumReader<SpecificRecordBase> reader = readers.computeIfAbsent(writer, RecordCodec::reader);
    return read(reader, in, writer.getFullName());
  }

  /**
   * The chain digest that a manifest should carry, from the bytes as they were written: they count,
   * with the fields of the writer's schema, not those that this build knows.
   *
   * @param parentDigest as of {@link Digests#chain}
   * @param manifest the whole value of an {@code IncrementCommitted} record
   * @throws CodecException as {@link #decode}
   */
  public byte[] chainDigest(byte[] parentDigest, ByteBuffer manifest) {
    return guarded(() -> digested(parentDigest, manifest));
  }

  private byte[] digested(byte[] parentDigest, ByteBuffer manifest) {
    ByteBuffer in = manifest.duplicate();
    Schema writer = framing.writer(in);
    if (!writer.getFullName().equals(IncrementCommitted.getClassSchema().getFullName())) {
      throw CodecException.malformed(writer.getFullName() + " is no manifest");
    }
    GenericRecord generic =
        read(new GenericDatumReader<GenericRecord>(writer), in, writer.getFullName());
    generic.put("chain_digest", ByteBuffer.allocate(0));
    ByteArrayOutputStream body = new ByteArrayOutputStream(512);
    write(new GenericDatumWriter<>(writer), generic, body);
    return Digests.chain(parentDigest, body.toByteArray());
  }

  /** Writes the record's Avro binary encoding, without a header. */
  @SuppressWarnings("unchecked")
  static void write(SpecificRecordBase record, ByteArrayOutputStream out) {
    write(
        (DatumWriter<SpecificRecordBase>)
            record.getSpecificData().createDatumWriter(record.getSchema()),
        record,
        out);
  }

  private static <T> void write(DatumWriter<T> writer, T record, ByteArrayOutputStream out) {
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
    try {
      writer.write(record, encoder);
      encoder.flush();
    } catch (IOException e) {
      throw new IllegalStateException("an array in memory refused bytes", e);
    }
  }

  @SuppressWarnings("unchecked")
  private static DatumReader<SpecificRecordBase> reader(Schema writer) {
    Schema current = Schemas.current(writer.getFullName());
    if (current == null) {
      throw new CodecException(
          CodecException.Code.UNKNOWN_SCHEMA,
          "record " + writer.getFullName() + " is not known here: upgrade this side first");
    }
    return (DatumReader<SpecificRecordBase>)
        SpecificData.getForSchema(current).createDatumReader(writer, current);
  }

  private static <T> T read(DatumReader<T> reader, ByteBuffer in, String name) {
    byte[] array;
    int from;
    int length = in.remaining();
    if (in.hasArray()) {
      array = in.array();
      from = in.arrayOffset() + in.position();
    } else {
      array = new byte[length];
      from = 0;
      in.get(array);
    }
    BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(array, from, length, null);
    T record;
    boolean end;
    try {
      record = reader.read(null, decoder);
      end = decoder.isEnd();
    } catch (IOException | RuntimeException e) {
      // Avro and the conversions of logical types fail with whatever they stumble over.
      throw new CodecException(CodecException.Code.MALFORMED, name + " cannot be decoded: " + e, e);
    }
    if (!end) {
      throw CodecException.malformed("bytes follow the end of " + name);
    }
    return record;
  }
}
