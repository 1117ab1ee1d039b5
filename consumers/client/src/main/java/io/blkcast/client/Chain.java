package io.blkcast.client;

import static io.blkcast.client.IncrementException.Code.CORRUPT;
import static io.blkcast.client.IncrementException.Code.GAP;

import io.blkcast.codec.Digests;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.PartitionRange;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What a manifest owes itself and its parent. */
final class Chain {

  /** Smallest tracking block, a sector. */
  private static final int MIN_BLOCK = 512;

  private Chain() {}

  /**
   * Checks that the manifest is sound in itself and is the next one after the parent, or a
   * BASELINE.
   *
   * @param volume the volume that is followed
   * @param raw the manifest's record value
   * @param parent what was applied last
   * @throws IncrementException {@code GAP} when it stands on another, {@code CORRUPT} when it
   *     contradicts itself or its chain digest is not that of this manifest on this parent
   */
  static void check(
      RecordCodec codec,
      String volume,
      IncrementCommitted manifest,
      ByteBuffer raw,
      Optional<Position> parent)
      throws IncrementException {
    if (!manifest.getVolume().equals(volume)) {
      throw corrupt(manifest, "it is among those of " + volume);
    }
    boolean baseline = manifest.getKind() == IncrementKind.BASELINE;
    if (!baseline) {
      checkParent(manifest, parent);
    }
    checkSelf(manifest);
    byte[] base =
        baseline
            ? Digests.chainStart()
            : HexFormat.of().parseHex(parent.orElseThrow().chainDigest());
    if (!manifest.getChainDigest().equals(ByteBuffer.wrap(codec.chainDigest(base, raw)))) {
      throw corrupt(manifest, "its chain digest is not that of this manifest on its parent");
    }
  }

  private static void checkParent(IncrementCommitted manifest, Optional<Position> parent)
      throws IncrementException {
    if (parent.isEmpty()) {
      throw new IncrementException(
          GAP,
          "increment %s of %s is a DELTA and nothing is applied yet: a BASELINE is needed"
              .formatted(manifest.getIncrementId(), manifest.getVolume()));
    }
    Position at = parent.get();
    if (!at.incrementId().equals(manifest.getParentIncrementId())) {
      throw new IncrementException(
          GAP,
          "increment %s of %s stands on %s, and %s was applied last"
              .formatted(
                  manifest.getIncrementId(),
                  manifest.getVolume(),
                  manifest.getParentIncrementId(),
                  at.incrementId()));
    }
    if (manifest.getChainLength() != at.chainLength() + 1) {
      throw corrupt(
          manifest,
          "it is number %d of its chain, its parent number %d"
              .formatted(manifest.getChainLength(), at.chainLength()));
    }
    if (manifest.getVolumeCapacityBytes() != at.capacityBytes()) {
      throw corrupt(manifest, "it changes the volume's size, which only a BASELINE may");
    }
  }

  private static void checkSelf(IncrementCommitted manifest) throws IncrementException {
    if (manifest.getContentDigest().remaining() != Digests.LENGTH
        || manifest.getChainDigest().remaining() != Digests.LENGTH) {
      throw corrupt(manifest, "a digest is not of " + Digests.LENGTH + " bytes");
    }
    int block = manifest.getBlockSizeBytes();
    if (block < MIN_BLOCK || Integer.bitCount(block) != 1) {
      throw corrupt(manifest, "tracking blocks of " + block + " bytes");
    }
    long capacity = manifest.getVolumeCapacityBytes();
    if (capacity < 1 || manifest.getChangedBytes() < 0 || manifest.getChangedBytes() > capacity) {
      throw corrupt(
          manifest,
          "%d bytes changed of a volume of %d".formatted(manifest.getChangedBytes(), capacity));
    }
    if (manifest.getKind() == IncrementKind.BASELINE) {
      if (manifest.getChangedBytes() != capacity) {
        throw corrupt(manifest, "a BASELINE that is not the whole volume");
      }
      if (manifest.getParentIncrementId() != null || manifest.getChainLength() != 1) {
        throw corrupt(manifest, "a BASELINE with a parent");
      }
    }
    checkRanges(manifest, manifest.getChunkRanges());
  }

  private static void checkRanges(IncrementCommitted manifest, List<PartitionRange> ranges)
      throws IncrementException {
    Set<Integer> partitions = new HashSet<>();
    long records = 0;
    for (PartitionRange range : ranges) {
      long span = range.getEndOffset() - range.getFirstOffset();
      if (range.getFirstOffset() < 0
          || span < 1
          || range.getRecordCount() < 1
          || range.getRecordCount() > span
          || range.getPartition() < 0
          || !partitions.add(range.getPartition())) {
        throw corrupt(manifest, "impossible chunk range " + range);
      }
      records += range.getRecordCount();
    }
    if (records != manifest.getChunkCount()) {
      throw corrupt(
          manifest,
          "%d chunks, %d records in its ranges".formatted(manifest.getChunkCount(), records));
    }
  }

  private static IncrementException corrupt(IncrementCommitted manifest, String why) {
    return new IncrementException(
        CORRUPT,
        "the manifest of increment %s of %s is corrupt: %s"
            .formatted(manifest.getIncrementId(), manifest.getVolume(), why));
  }
}
