package io.blkcast.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.PartitionRange;
import io.blkcast.schema.Source;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/**
 * Computes the digests a second time, from their definition alone: plain Java, Avro's binary
 * encoding written out by hand.
 */
class DigestsTest {

  @Test
  void theContentDigestIsThatOfItsDefinition() throws Exception {
    byte[] one = "some content".getBytes(StandardCharsets.UTF_8);
    byte[] two = new byte[1000];
    ByteArrayOutputStream leaves = new ByteArrayOutputStream();
    leaves.write(leaf(0, one.length, 0, one));
    leaves.write(leaf(65_536, 1L << 33, 1, new byte[0]));
    leaves.write(leaf(1L << 40, two.length, 0, two));

    ContentDigest digest = new ContentDigest();
    digest.data(0, ByteBuffer.wrap(one));
    digest.zero(65_536, 1L << 33);
    digest.data(1L << 40, ByteBuffer.allocateDirect(1000));
    assertThat(digest.finish()).isEqualTo(sha(leaves.toByteArray()));
    assertThat(digest.finish()).as("of nothing").isEqualTo(sha(new byte[0]));
  }

  @Test
  void theContentDigestOfAKnownChunkIsPinned() {
    ContentDigest digest = new ContentDigest();
    digest.data(4096, Samples.counting(16));
    // Python: sha256(sha256(struct.pack(">QQB", 4096, 16, 0) + bytes(range(16))).digest())
    assertThat(HexFormat.of().formatHex(digest.finish()))
        .isEqualTo("7a4b73c6fed5d11b340f8d0944018787649c06e3a9fc38128206c4c988bb01e3");
  }

  @Test
  void chunksOutOfOrderAreRefused() {
    ContentDigest digest = new ContentDigest();
    digest.zero(0, 10);
    assertThatThrownBy(() -> digest.zero(9, 1)).isInstanceOf(IllegalArgumentException.class);
    digest.zero(10, 1);
  }

  @Test
  void chunksMayComeAheadOfTheOthers() {
    Random random = new Random(7);
    ContentDigest digest = new ContentDigest();
    for (int round = 0; round < 50; round++) {
      int chunks = random.nextInt(400);
      BitSet ahead = new BitSet();
      for (int i = 0; i < chunks; i++) {
        digest.data(3L * i, Samples.counting(1 + i % 3));
        ahead.set(i, random.nextInt(1 + round) == 0);
      }
      byte[] inOrder = digest.finish();
      digest.ahead(true);
      ahead.stream().forEach(i -> digest.data(3L * i, Samples.counting(1 + i % 3)));
      digest.ahead(false);
      for (int i = ahead.nextClearBit(0); i < chunks; i = ahead.nextClearBit(i + 1)) {
        digest.data(3L * i, Samples.counting(1 + i % 3));
      }
      assertThat(digest.finish()).isEqualTo(inOrder);
    }
  }

  @Test
  void chunksAheadAreHeldAgainstTheOthers() {
    ContentDigest digest = new ContentDigest();
    digest.ahead(true);
    digest.zero(10, 10);
    assertThatThrownBy(() -> digest.zero(15, 10)).isInstanceOf(IllegalArgumentException.class);
    digest.zero(40, 10);
    digest.ahead(false);
    digest.zero(0, 10);
    assertThatThrownBy(() -> digest.zero(15, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> digest.ahead(true)).isInstanceOf(IllegalStateException.class);
    digest.zero(35, 10);
    assertThatThrownBy(digest::finish).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theMostThatComesAheadIsBounded() {
    ContentDigest digest = new ContentDigest();
    digest.ahead(true);
    for (int i = 0; i < ContentDigest.MOST_AHEAD; i++) {
      digest.zero(i, 1);
    }
    assertThatThrownBy(() -> digest.zero(1 << 20, 1)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void theChainDigestIsThatOfItsDefinition() throws Exception {
    IncrementCommitted manifest = Samples.committed();
    byte[] parent = new byte[32];
    parent[5] = 42;
    ByteArrayOutputStream input = new ByteArrayOutputStream();
    input.write(parent);
    input.write(avro(manifest));
    byte[] expected = sha(input.toByteArray());

    assertThat(Digests.chain(parent, manifest)).isEqualTo(expected);
    RecordCodec codec = RecordCodec.singleObject();
    ByteBuffer value = ByteBuffer.wrap(codec.encode("t", manifest));
    assertThat(codec.chainDigest(parent, value)).isEqualTo(expected);
    assertThat(codec.chainDigest(Digests.chainStart(), value)).isNotEqualTo(expected);
  }

  @Test
  void theChainDigestIsRefusedForAnythingButAManifest() {
    RecordCodec codec = RecordCodec.singleObject();
    ByteBuffer value = ByteBuffer.wrap(codec.encode("t", Samples.signal()));
    assertThatThrownBy(() -> codec.chainDigest(Digests.chainStart(), value))
        .isInstanceOf(CodecException.class);
    assertThatThrownBy(() -> Digests.chain(new byte[31], Samples.committed()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theCrcIsCastagnoli() {
    // Check value of CRC-32C as of RFC 3720, appendix B.4: 32 bytes counting up.
    assertThat(Digests.crc32c(Samples.counting(32))).isEqualTo(0x46DD794E);
  }

  private static byte[] leaf(long offset, long size, int kind, byte[] content) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeLong(offset);
    out.writeLong(size);
    out.writeByte(kind);
    out.write(content);
    return sha(bytes.toByteArray());
  }

  private static byte[] sha(byte[] input) throws Exception {
    return MessageDigest.getInstance("SHA-256").digest(input);
  }

  /** Avro's binary encoding of a manifest without its chain digest. */
  private static byte[] avro(IncrementCommitted m) throws IOException {
    Avro out = new Avro();
    out.string(m.getVolume());
    out.string(m.getIncrementId().toString());
    out.number(m.getKind().ordinal());
    out.optional(Optional.ofNullable(m.getParentIncrementId()));
    out.optional(Optional.ofNullable(m.getGroupId()));
    out.number(m.getChainLength());
    out.optional(Optional.ofNullable(m.getBaseSnapshotId()));
    out.string(m.getTargetSnapshotId().toString());
    out.number(m.getConsistency().ordinal());
    out.number(m.getVolumeCapacityBytes());
    out.number(m.getBlockSizeBytes());
    out.number(m.getChangedBytes());
    out.number(m.getZeroBytes());
    out.number(m.getPayloadBytes());
    out.number(m.getExtentCount());
    out.number(m.getChunkCount());
    out.ranges(m.getExtentRanges());
    out.ranges(m.getChunkRanges());
    byte[] content = new byte[32];
    m.getContentDigest().duplicate().get(content);
    out.bytes(content);
    out.bytes(new byte[0]);
    out.instant(m.getSnapshotTakenAt());
    out.instant(m.getCommittedAt());
    Source source = m.getSource();
    out.string(source.getType());
    out.string(source.getHost());
    out.string(source.getBootId());
    out.string(source.getTrackingId().toString());
    out.string(source.getGeneration().toString());
    out.number(source.getBaseChangesNumber());
    out.number(source.getChangesNumber());
    out.number(1);
    out.number(source.getBaseEpoch());
    out.number(1);
    out.number(source.getEpoch());
    out.optional(Optional.ofNullable(source.getIncarnation()));
    return out.bytes.toByteArray();
  }

  private static final class Avro {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    void number(long value) {
      long rest = (value << 1) ^ (value >> 63);
      while (rest >>> 7 != 0) {
        bytes.write((int) (rest & 0x7F | 0x80));
        rest >>>= 7;
      }
      bytes.write((int) rest);
    }

    void bytes(byte[] value) {
      number(value.length);
      bytes.writeBytes(value);
    }

    void string(String value) {
      bytes(value.getBytes(StandardCharsets.UTF_8));
    }

    void optional(Optional<UUID> value) {
      number(value.isPresent() ? 1 : 0);
      value.ifPresent(id -> string(id.toString()));
    }

    void instant(Instant value) {
      number(value.getEpochSecond() * 1_000_000 + value.getNano() / 1000);
    }

    void ranges(List<PartitionRange> ranges) {
      if (!ranges.isEmpty()) {
        number(ranges.size());
        for (PartitionRange range : ranges) {
          number(range.getPartition());
          number(range.getFirstOffset());
          number(range.getEndOffset());
          number(range.getRecordCount());
        }
      }
      number(0);
    }
  }
}
