package io.blkcast.client;

import io.blkcast.codec.Digests;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.Consistency;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.PartitionRange;
import io.blkcast.schema.Source;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

/** Manifests for tests that need no broker. */
final class Manifests {

  static final int CAPACITY = 1 << 20;

  private Manifests() {}

  /** A BASELINE of nothing but zeroes, whose chunks are still to be named, sealed. */
  static IncrementCommitted baseline(String volume) {
    return seal(
        IncrementCommitted.newBuilder()
            .setVolume(volume)
            .setIncrementId(new UUID(3, 4))
            .setKind(IncrementKind.BASELINE)
            .setChainLength(1)
            .setTargetSnapshotId(new UUID(5, 6))
            .setConsistency(Consistency.CRASH)
            .setVolumeCapacityBytes(CAPACITY)
            .setBlockSizeBytes(4096)
            .setChangedBytes(CAPACITY)
            .setZeroBytes(CAPACITY)
            .setPayloadBytes(0)
            .setExtentCount(1)
            .setChunkCount(0)
            .setExtentRanges(List.of())
            .setChunkRanges(List.of())
            .setContentDigest(ByteBuffer.allocate(Digests.LENGTH))
            .setChainDigest(ByteBuffer.allocate(0))
            .setSnapshotTakenAt(Instant.EPOCH)
            .setCommittedAt(Instant.EPOCH)
            .setSource(source())
            .build());
  }

  static Source source() {
    return Source.newBuilder()
        .setType("disk")
        .setHost("test")
        .setBootId("")
        .setTrackingId(new UUID(0, 1))
        .setGeneration(new UUID(0, 2))
        .setBaseChangesNumber(0)
        .setChangesNumber(1)
        .build();
  }

  /** The BASELINE with the chain digest that it should have. */
  static IncrementCommitted seal(IncrementCommitted manifest) {
    return IncrementCommitted.newBuilder(manifest)
        .setChainDigest(ByteBuffer.wrap(Digests.chain(Digests.chainStart(), manifest)))
        .build();
  }

  /** A BASELINE of one hole as large as the volume, in the first record of the chunks. */
  static IncrementCommitted hole(String volume, long capacity) throws Exception {
    try (LeafDigest digest = new LeafDigest(Path.of(""))) {
      digest.zero(0, capacity);
      return seal(
          IncrementCommitted.newBuilder(baseline(volume))
              .setVolumeCapacityBytes(capacity)
              .setChangedBytes(capacity)
              .setZeroBytes(capacity)
              .setChunkCount(1)
              .setChunkRanges(List.of(new PartitionRange(0, 0L, 1L, 1L)))
              .setContentDigest(ByteBuffer.wrap(digest.finish()))
              .build());
    }
  }

  /** The one chunk of that BASELINE. */
  static DataChunk chunkOfHole(IncrementCommitted manifest) {
    return new DataChunk(
        manifest.getVolume(),
        manifest.getIncrementId(),
        0L,
        0L,
        manifest.getVolumeCapacityBytes(),
        0,
        ChunkEncoding.ZERO,
        ByteBuffer.allocate(0));
  }
}
