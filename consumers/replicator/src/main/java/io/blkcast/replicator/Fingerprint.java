package io.blkcast.replicator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * SHA-256 over {@value #SAMPLES} samples of a target, the first and the last bytes among them.
 * Tells a target that was exchanged or mounted and written to from the one that was left, in
 * milliseconds; it proves nothing about the rest.
 */
final class Fingerprint {

  private static final int SAMPLES = 64;
  private static final int SAMPLE_BYTES = 4096;

  private Fingerprint() {}

  static String of(Target target, long capacity) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    int size = (int) Math.min(SAMPLE_BYTES, capacity);
    ByteBuffer sample = ByteBuffer.allocate(size);
    long step = (capacity - size) / (SAMPLES - 1);
    for (int i = 0; i < SAMPLES; i++) {
      long offset = i == SAMPLES - 1 ? capacity - size : step * i;
      target.read(offset, sample.clear());
      digest.update(sample.flip());
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
