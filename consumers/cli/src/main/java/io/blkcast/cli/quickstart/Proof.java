package io.blkcast.cli.quickstart;

import io.blkcast.client.IncrementException;
import io.blkcast.replicator.ReplicaVerifier;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * That the replica is the source's last snapshot. Taken while nobody writes to the source, so that
 * the source's image file, read past exporter, Kafka and replicator alike, is that snapshot.
 *
 * @param sourceDigest SHA-256 over all of the source's image file, hexadecimal
 * @param replicaDigest the same of the replica
 * @param chain what {@code blkcast verify} says of the replica, from Kafka alone
 * @param fsck what {@code e2fsck -fn} says of the replica
 */
record Proof(String sourceDigest, String replicaDigest, ReplicaVerifier.Result chain, Fsck fsck) {

  private static final int BUFFER = 1 << 20;
  private static final int FSCK_TIMEOUT_SECONDS = 600;

  /** What a check of the filesystem said. */
  enum Fsck {
    CLEAN,
    DAMAGED,
    /** There is no filesystem of ours, or no e2fsck. */
    NOT_RUN
  }

  static Proof of(QuickstartPipeline pipeline, boolean ext4)
      throws IOException, InterruptedException, IncrementException {
    return new Proof(
        digest(pipeline.disk()),
        digest(pipeline.replica()),
        pipeline.verify(),
        ext4 ? fsck(pipeline.replica()) : Fsck.NOT_RUN);
  }

  /** Whether the replica is the snapshot: every byte, by both ways of telling, and no damage. */
  boolean identical() {
    return sourceDigest.equals(replicaDigest)
        && chain.verdict() == ReplicaVerifier.Verdict.IDENTICAL
        && fsck != Fsck.DAMAGED;
  }

  private static String digest(Path file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      while (channel.read(buffer.clear()) >= 0) {
        digest.update(buffer.flip());
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static Fsck fsck(Path image) throws IOException, InterruptedException {
    if (Tools.find("e2fsck").isEmpty()) {
      return Fsck.NOT_RUN;
    }
    Tools.Result result =
        Tools.run(FSCK_TIMEOUT_SECONDS, "e2fsck", "-fn", image.toAbsolutePath().toString());
    return result.status() == 0 ? Fsck.CLEAN : Fsck.DAMAGED;
  }
}
