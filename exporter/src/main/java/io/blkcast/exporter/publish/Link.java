package io.blkcast.exporter.publish;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.UUID;

/**
 * One committed increment, or one that is being committed, by the bytes that were written for it.
 * The checkpoint's bytes count as a whole: a checkpoint with the right id and a later epoch would
 * lose changes.
 *
 * @param checkpoint digest of the value in the checkpoints topic
 * @param manifest digest of the value in the increments topic
 * @param baseline whether it stands on nothing before it
 */
public record Link(UUID incrementId, String checkpoint, String manifest, boolean baseline) {

  /** SHA-256 over a record's value, in hex. */
  static String digest(byte[] value) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(value));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
  }
}
