package io.blkcast.codec;

import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.ChangedExtents;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.Consistency;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.IncrementStarted;
import io.blkcast.schema.PartitionRange;
import io.blkcast.schema.Severity;
import io.blkcast.schema.Signal;
import io.blkcast.schema.SignalAction;
import io.blkcast.schema.Source;
import io.blkcast.schema.VolumeEvent;
import io.blkcast.schema.VolumeEventType;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.specific.SpecificRecordBase;

/** One fixed record of every kind. */
final class Samples {

  static final UUID INCREMENT = UUID.fromString("01890a5d-ac96-774b-bcce-b302099a8057");
  static final UUID PARENT = UUID.fromString("01890a5d-0000-7000-8000-000000000001");
  static final UUID SNAPSHOT = UUID.fromString("11111111-2222-3333-4444-555555555555");
  private static final Instant AT = Instant.parse("2026-01-02T03:04:05.678901Z");

  private Samples() {}

  static List<SpecificRecordBase> all() {
    return List.of(
        extents(), checkpoint(), chunk(), aborted(), committed(), started(), signal(), event());
  }

  static Source source() {
    return Source.newBuilder()
        .setType("blksnap")
        .setHost("db01")
        .setBootId("7d4e6a0f-1111-4222-8333-444455556666")
        .setTrackingId(UUID.fromString("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"))
        .setGeneration(UUID.fromString("bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee"))
        .setBaseChangesNumber(254)
        .setChangesNumber(255)
        .setBaseEpoch(70_000L)
        .setEpoch(70_001L)
        .setIncarnation(UUID.fromString("cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee"))
        .build();
  }

  static ChangedExtents extents() {
    return new ChangedExtents(
        "db01-data",
        INCREMENT,
        3L,
        List.of(new BlockMetadata(0L, 65_536L), new BlockMetadata(1L << 42, 131_072L)));
  }

  static Checkpoint checkpoint() {
    return Checkpoint.newBuilder()
        .setVolume("db01-data")
        .setIncrementId(INCREMENT)
        .setSnapshotId(SNAPSHOT)
        .setChainLength(7)
        .setChainDigest(counting(32))
        .setVolumeCapacityBytes(4L << 40)
        .setBlockSizeBytes(65_536)
        .setCommittedAt(AT)
        .setSource(source())
        .build();
  }

  static DataChunk chunk() {
    return new DataChunk(
        "db01-data", INCREMENT, 300L, 1L << 40, 16L, 0xDEADBEEF, ChunkEncoding.RAW, counting(16));
  }

  static IncrementAborted aborted() {
    return new IncrementAborted(
        "db01-data", INCREMENT, "snapshot-corrupted", "the difference storage is full", AT);
  }

  static IncrementCommitted committed() {
    return IncrementCommitted.newBuilder()
        .setVolume("db01-data")
        .setIncrementId(INCREMENT)
        .setKind(IncrementKind.DELTA)
        .setParentIncrementId(PARENT)
        .setGroupId(null)
        .setChainLength(2)
        .setBaseSnapshotId(SNAPSHOT)
        .setTargetSnapshotId(UUID.fromString("66666666-2222-3333-4444-555555555555"))
        .setConsistency(Consistency.GROUP_CRASH)
        .setVolumeCapacityBytes(4L << 40)
        .setBlockSizeBytes(65_536)
        .setChangedBytes(196_608)
        .setZeroBytes(65_536)
        .setPayloadBytes(131_072)
        .setExtentCount(2)
        .setChunkCount(3)
        .setExtentRanges(List.of(new PartitionRange(0, 10L, 11L, 1L)))
        .setChunkRanges(
            List.of(new PartitionRange(1, 5L, 9L, 2L), new PartitionRange(2, 0L, 1L, 1L)))
        .setContentDigest(counting(32))
        .setChainDigest(ByteBuffer.wrap(new byte[32]))
        .setSnapshotTakenAt(AT)
        .setCommittedAt(AT.plusSeconds(60))
        .setSource(source())
        .build();
  }

  static IncrementStarted started() {
    return IncrementStarted.newBuilder()
        .setVolume("db01-data")
        .setIncrementId(INCREMENT)
        .setKind(IncrementKind.BASELINE)
        .setParentIncrementId(null)
        .setGroupId(SNAPSHOT)
        .setVolumeCapacityBytes(4L << 40)
        .setBlockSizeBytes(65_536)
        .setChangedBytes(4L << 40)
        .setSnapshotTakenAt(AT)
        .setSource(source())
        .build();
  }

  static Signal signal() {
    return Signal.newBuilder()
        .setVolume("db01-data")
        .setAction(SignalAction.RESYNC)
        .setRequestedBy("replicator")
        .setReason("range deleted")
        .setRequestedAt(AT)
        .build();
  }

  static VolumeEvent event() {
    return VolumeEvent.newBuilder()
        .setVolume("db01-data")
        .setType(VolumeEventType.STORAGE_WATERMARK)
        .setSeverity(Severity.WARNING)
        .setMessage("80 % of the difference storage are used")
        .setIncrementId(INCREMENT)
        .setAttributes(Map.of("used_bytes", "3435973836"))
        .setOccurredAt(AT)
        .build();
  }

  /** Bytes 0, 1, 2, … */
  static ByteBuffer counting(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) i;
    }
    return ByteBuffer.wrap(bytes);
  }
}
