package io.blkcast.client;

import io.blkcast.schema.IncrementCommitted;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.UUID;

/**
 * An increment as far as the next one needs to know it.
 *
 * @param volume configured name of the volume
 * @param incrementId identifier of the increment
 * @param chainLength increments from the BASELINE to this one, both counted
 * @param chainDigest the increment's {@code chain_digest}, 64 hexadecimal digits
 * @param capacityBytes size of the volume at its snapshot, bytes
 */
public record Position(
    String volume, UUID incrementId, long chainLength, String chainDigest, long capacityBytes) {

  /** The position of one who has applied this increment. */
  public static Position of(IncrementCommitted manifest) {
    return new Position(
        manifest.getVolume(),
        manifest.getIncrementId(),
        manifest.getChainLength(),
        hex(manifest.getChainDigest()),
        manifest.getVolumeCapacityBytes());
  }

  private static String hex(ByteBuffer digest) {
    byte[] bytes = new byte[digest.remaining()];
    digest.duplicate().get(bytes);
    return HexFormat.of().formatHex(bytes);
  }
}
