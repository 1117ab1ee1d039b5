package io.blkcast.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.common.header.internals.RecordHeaders;

class RecordCodecTest {

  private final RecordCodec codec = RecordCodec.singleObject();

  @Provide
  Arbitrary<DataChunk> chunks() {
    Arbitrary<Long> sizes = Arbitraries.longs().greaterOrEqual(0);
    return Combinators.combine(
            Arbitraries.strings().ofMaxLength(300),
            Arbitraries.longs().tuple2().map(bits -> new UUID(bits.get1(), bits.get2())),
            sizes,
            sizes,
            sizes,
            Arbitraries.integers(),
            Arbitraries.of(ChunkEncoding.class),
            Arbitraries.bytes().array(byte[].class).ofMaxSize(2000).map(ByteBuffer::wrap))
        .as(DataChunk::new);
  }

  @Property(tries = 300)
  void theHandMadeEncodingOfAChunkIsAvrosOwn(@ForAll("chunks") DataChunk chunk) throws IOException {
    byte[] value = codec.encode("t", chunk);
    assertThat(ByteBuffer.wrap(value)).isEqualTo(chunk.toByteBuffer());
    assertThat(codec.decode(ByteBuffer.wrap(value))).isEqualTo(chunk);
    assertThat(DataChunk.fromByteBuffer(ByteBuffer.wrap(value))).isEqualTo(chunk);
  }

  @Property(tries = 200)
  void anEncoderMayBeUsedForChunkAfterChunk(
      @ForAll("chunks") DataChunk one, @ForAll("chunks") DataChunk two) {
    ChunkEncoder encoder = codec.chunkEncoder("t", "v", Samples.INCREMENT);
    for (DataChunk chunk : new DataChunk[] {one, two, one}) {
      byte[] value =
          encoder.encode(
              chunk.getSequence(),
              chunk.getByteOffset(),
              chunk.getSizeBytes(),
              chunk.getCrc32c(),
              chunk.getEncoding(),
              chunk.getPayload());
      DataChunk expected =
          DataChunk.newBuilder(chunk).setVolume("v").setIncrementId(Samples.INCREMENT).build();
      assertThat(codec.decode(ByteBuffer.wrap(value))).isEqualTo(expected);
    }
  }

  @Property(tries = 100)
  void aTruncatedRecordIsRefused(
      @ForAll @IntRange(max = 7) int kind, @ForAll @IntRange(max = 100_000) int cut) {
    byte[] value = codec.encode("t", Samples.all().get(kind));
    byte[] truncated = Arrays.copyOf(value, cut % value.length);
    assertThatThrownBy(() -> codec.decode(ByteBuffer.wrap(truncated)))
        .isInstanceOf(CodecException.class);
  }

  @Property(tries = 100)
  void bytesAfterARecordAreRefused(@ForAll @IntRange(max = 7) int kind) {
    byte[] value = codec.encode("t", Samples.all().get(kind));
    byte[] longer = Arrays.copyOf(value, value.length + 1);
    assertThatThrownBy(() -> codec.decode(ByteBuffer.wrap(longer)))
        .isInstanceOfSatisfying(
            CodecException.class,
            e -> assertThat(e.code()).isEqualTo(CodecException.Code.MALFORMED));
  }

  @Property(tries = 1000)
  void garbageFailsInNoOtherWayThanTyped(
      @ForAll @IntRange(max = 7) int kind,
      @ForAll @IntRange(max = 100_000) int at,
      @ForAll byte garbage) {
    SpecificRecordBase record = Samples.all().get(kind);
    byte[] value = codec.encode("t", record);
    int position = at % value.length;
    boolean changed = value[position] != garbage;
    value[position] = garbage;
    try {
      SpecificRecordBase read = codec.decode(ByteBuffer.wrap(value));
      assertThat(read).isInstanceOf(record.getClass());
      if (!changed) {
        assertThat(read).isEqualTo(record);
      }
    } catch (CodecException e) {
      assertThat(changed).isTrue();
      assertThat(e).hasMessageNotContaining("null");
    }
  }

  @Example
  void thePayloadOfAChunkIsASliceOfTheRecord() {
    byte[] value = codec.encode("t", Samples.chunk());
    DataChunk chunk = (DataChunk) codec.decode(ByteBuffer.wrap(value));
    value[value.length - 1] = 99;
    assertThat(chunk.getPayload().get(15)).isEqualTo((byte) 99);
  }

  @Example
  void kafkasDeserializerCopiesNoPayloadAndKeepsTombstones() {
    try (RecordSerializer serializer = new RecordSerializer(codec);
        RecordDeserializer deserializer = new RecordDeserializer(codec)) {
      byte[] value = serializer.serialize("t", Samples.chunk());
      ByteBuffer fetched = ByteBuffer.allocate(value.length + 20).position(10);
      fetched.put(value).flip().position(10);
      DataChunk chunk = (DataChunk) deserializer.deserialize("t", new RecordHeaders(), fetched);
      assertThat(chunk).isEqualTo(Samples.chunk());
      assertThat(chunk.getPayload().array()).isSameAs(fetched.array());
      assertThat(fetched.position()).isEqualTo(10);
      assertThat(deserializer.deserialize("t", value)).isEqualTo(Samples.chunk());
      assertThat(serializer.serialize("t", null)).isNull();
      assertThat(deserializer.deserialize("t", (byte[]) null)).isNull();
    }
  }

  @Example
  void aWriterOfAnUnknownVersionIsNamed() {
    byte[] value = codec.encode("t", Samples.signal());
    value[5] ^= 1;
    assertThatThrownBy(() -> codec.decode(ByteBuffer.wrap(value)))
        .isInstanceOfSatisfying(
            CodecException.class,
            e -> assertThat(e.code()).isEqualTo(CodecException.Code.UNKNOWN_SCHEMA))
        .hasMessageContaining("upgrade");
  }

  @Example
  void contentIsCheckedAgainstItsSizeAndChecksum() {
    byte[] plain = new byte[5000];
    Arrays.fill(plain, (byte) 7);
    DataChunk raw =
        DataChunk.newBuilder(Samples.chunk())
            .setSizeBytes(plain.length)
            .setCrc32c(Digests.crc32c(ByteBuffer.wrap(plain)))
            .setPayload(ByteBuffer.wrap(plain))
            .build();
    DataChunk zstd =
        DataChunk.newBuilder(raw)
            .setEncoding(ChunkEncoding.ZSTD)
            .setPayload(ByteBuffer.wrap(Zstd.compress(plain)))
            .build();
    try (ChunkContent content = new ChunkContent(plain.length)) {
      assertThat(content.of(raw)).isEqualTo(ByteBuffer.wrap(plain));
      assertThat(content.of(zstd)).isEqualTo(ByteBuffer.wrap(plain));
      for (DataChunk good : new DataChunk[] {raw, zstd}) {
        assertCorrupted(content, DataChunk.newBuilder(good).setCrc32c(1).build());
        assertCorrupted(content, DataChunk.newBuilder(good).setSizeBytes(4999).build());
        assertCorrupted(content, DataChunk.newBuilder(good).setSizeBytes(1L << 40).build());
        assertCorrupted(content, DataChunk.newBuilder(good).setSizeBytes(-1).build());
      }
      assertCorrupted(content, DataChunk.newBuilder(zstd).setPayload(Samples.counting(50)).build());
    }
  }

  private static void assertCorrupted(ChunkContent content, DataChunk chunk) {
    assertThatThrownBy(() -> content.of(chunk))
        .isInstanceOfSatisfying(
            CodecException.class,
            e -> assertThat(e.code()).isEqualTo(CodecException.Code.CORRUPTED));
  }
}
