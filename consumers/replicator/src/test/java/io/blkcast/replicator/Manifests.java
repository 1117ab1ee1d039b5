package io.blkcast.replicator;

import io.blkcast.schema.Consistency;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.Source;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

/** Manifests as far as a sink looks at them. */
final class Manifests {

  private Manifests() {}

  static IncrementCommitted of(IncrementKind kind, long capacity) {
    return IncrementCommitted.newBuilder()
        .setVolume("vol")
        .setIncrementId(UUID.randomUUID())
        .setKind(kind)
        .setChainLength(kind == IncrementKind.BASELINE ? 1 : 2)
        .setTargetSnapshotId(UUID.randomUUID())
        .setConsistency(Consistency.CRASH)
        .setVolumeCapacityBytes(capacity)
        .setBlockSizeBytes(4096)
        .setChangedBytes(capacity)
        .setZeroBytes(0)
        .setPayloadBytes(0)
        .setExtentCount(1)
        .setChunkCount(0)
        .setExtentRanges(List.of())
        .setChunkRanges(List.of())
        .setContentDigest(ByteBuffer.allocate(32))
        .setChainDigest(ByteBuffer.allocate(32))
        .setSnapshotTakenAt(Instant.EPOCH)
        .setCommittedAt(Instant.EPOCH)
        .setSource(
            Source.newBuilder()
                .setType("disk")
                .setHost("")
                .setBootId("")
                .setTrackingId(new UUID(0, 1))
                .setGeneration(new UUID(0, 2))
                .setBaseChangesNumber(0)
                .setChangesNumber(1)
                .build())
        .build();
  }
}
