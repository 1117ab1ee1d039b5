package io.blkcast.replicator;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.NavigableSet;
import java.util.TreeSet;

/**
 * Where a target is looked at to recognise its content, and what is noted of each place: a sector,
 * which no power cut tears.
 *
 * <p>{@value #COUNT} sectors are spread over the volume, its first and its last among them. They
 * tell another image from the replica in milliseconds. To these come sectors that the last
 * increment changed, which tell an older copy of the replica from the present one. They prove
 * nothing about the rest: that is what {@code verify} is for.
 */
final class Samples {

  static final int COUNT = 64;
  static final int BYTES = 512;

  private static final int HASH_BYTES = 8;
  private static final String ZEROES = hash(ByteBuffer.allocate(BYTES));

  private Samples() {}

  /** Offsets of the sectors that are spread over a volume of that size. */
  static NavigableSet<Long> spread(long capacity) {
    long last = (capacity - 1) / BYTES;
    NavigableSet<Long> offsets = new TreeSet<>();
    for (int i = 0; i < COUNT; i++) {
      // The last one exactly, without an overflow of last * i.
      long sector =
          i == COUNT - 1 ? last : last / (COUNT - 1) * i + last % (COUNT - 1) * i / (COUNT - 1);
      offsets.add(sector * BYTES);
    }
    return offsets;
  }

  /** Bytes of the sector at the offset that are within the volume. */
  static int length(long offset, long capacity) {
    return (int) Math.min(BYTES, capacity - offset);
  }

  /** What is noted of a sector's content: the first 8 bytes of its SHA-256. */
  static String hash(ByteBuffer content) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(content.duplicate());
      return HexFormat.of().formatHex(digest.digest(), 0, HASH_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Whether a whole sector of that hash holds nothing but zeroes. */
  static boolean isZero(String hash) {
    return hash.equals(ZEROES);
  }
}
