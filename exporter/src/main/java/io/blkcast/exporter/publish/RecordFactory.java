package io.blkcast.exporter.publish;

import io.blkcast.codec.Digests;
import io.blkcast.exporter.publish.VolumePublisher.Header;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementStarted;
import io.blkcast.schema.PartitionRange;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

/** Makes the records that frame an increment. */
final class RecordFactory {

  private RecordFactory() {}

  static IncrementStarted started(String volume, Header header) {
    return IncrementStarted.newBuilder()
        .setVolume(volume)
        .setIncrementId(header.incrementId())
        .setKind(header.kind())
        .setParentIncrementId(header.parent().map(Checkpoint::getIncrementId).orElse(null))
        .setGroupId(header.groupId().orElse(null))
        .setVolumeCapacityBytes(header.capacityBytes())
        .setBlockSizeBytes(header.blockSize())
        .setChangedBytes(header.changedBytes())
        .setSnapshotTakenAt(micros(header.snapshotTakenAt()))
        .setSource(header.source())
        .build();
  }

  /** The manifest, with its chain digest. */
  static IncrementCommitted committed(
      String volume,
      Header header,
      Tally tally,
      List<PartitionRange> extentRanges,
      List<PartitionRange> chunkRanges,
      byte[] contentDigest,
      Instant now) {
    IncrementCommitted open =
        IncrementCommitted.newBuilder()
            .setVolume(volume)
            .setIncrementId(header.incrementId())
            .setKind(header.kind())
            .setParentIncrementId(header.parent().map(Checkpoint::getIncrementId).orElse(null))
            .setGroupId(header.groupId().orElse(null))
            .setChainLength(header.parent().map(Checkpoint::getChainLength).orElse(0L) + 1)
            .setBaseSnapshotId(header.parent().map(Checkpoint::getSnapshotId).orElse(null))
            .setTargetSnapshotId(header.snapshotId())
            .setConsistency(header.consistency())
            .setVolumeCapacityBytes(header.capacityBytes())
            .setBlockSizeBytes(header.blockSize())
            .setChangedBytes(header.changedBytes())
            .setZeroBytes(tally.zeroBytes())
            .setPayloadBytes(tally.payloadBytes())
            .setExtentCount(tally.extents())
            .setChunkCount(tally.chunks())
            .setExtentRanges(extentRanges)
            .setChunkRanges(chunkRanges)
            .setContentDigest(ByteBuffer.wrap(contentDigest))
            .setChainDigest(ByteBuffer.allocate(0))
            .setSnapshotTakenAt(micros(header.snapshotTakenAt()))
            .setCommittedAt(micros(now))
            .setSource(header.source())
            .build();
    byte[] parent = header.parent().map(RecordFactory::chainDigest).orElseGet(Digests::chainStart);
    return IncrementCommitted.newBuilder(open)
        .setChainDigest(ByteBuffer.wrap(Digests.chain(parent, open)))
        .build();
  }

  static Checkpoint checkpoint(IncrementCommitted manifest) {
    return Checkpoint.newBuilder()
        .setVolume(manifest.getVolume())
        .setIncrementId(manifest.getIncrementId())
        .setSnapshotId(manifest.getTargetSnapshotId())
        .setChainLength(manifest.getChainLength())
        .setChainDigest(manifest.getChainDigest())
        .setVolumeCapacityBytes(manifest.getVolumeCapacityBytes())
        .setBlockSizeBytes(manifest.getBlockSizeBytes())
        .setCommittedAt(manifest.getCommittedAt())
        .setSource(manifest.getSource())
        .build();
  }

  static IncrementAborted aborted(
      String volume, Header header, String reason, String message, Instant now) {
    return IncrementAborted.newBuilder()
        .setVolume(volume)
        .setIncrementId(header.incrementId())
        .setReason(reason)
        .setMessage(message)
        .setAbortedAt(micros(now))
        .build();
  }

  private static byte[] chainDigest(Checkpoint parent) {
    ByteBuffer digest = parent.getChainDigest().duplicate();
    byte[] bytes = new byte[digest.remaining()];
    digest.get(bytes);
    return bytes;
  }

  /** Records carry microseconds; what is returned to the caller must equal what is read. */
  private static Instant micros(Instant instant) {
    return instant.truncatedTo(ChronoUnit.MICROS);
  }
}
