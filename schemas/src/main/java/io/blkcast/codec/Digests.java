package io.blkcast.codec;

import io.blkcast.schema.IncrementCommitted;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.zip.CRC32C;
import org.apache.avro.Schema;

/** Checksums of chunks and manifests. */
public final class Digests {

  /** Bytes of a digest (SHA-256). */
  public static final int LENGTH = 32;

  private Digests() {}

  /** CRC-32C (Castagnoli) of position to limit, which stay as they are. */
  public static int crc32c(ByteBuffer plain) {
    CRC32C crc = new CRC32C();
    crc.update(plain.duplicate());
    return (int) crc.getValue();
  }

  /** What the chain digest of a BASELINE follows on: 32 zero bytes. */
  public static byte[] chainStart() {
    return new byte[LENGTH];
  }

  /**
   * SHA-256 of the parent's chain digest followed by the manifest's Avro binary encoding with an
   * empty {@code chain_digest}. For a manifest that was read, {@link RecordCodec#chainDigest}.
   *
   * @param parentDigest 32 bytes, {@link #chainStart} for a BASELINE
   * @param manifest about to be published; its own {@code chain_digest} does not matter
   */
  public static byte[] chain(byte[] parentDigest, IncrementCommitted manifest) {
    // Not by a builder: Avro copies for one by loading classes, which it may not trust yet.
    IncrementCommitted open = new IncrementCommitted();
    for (Schema.Field field : manifest.getSchema().getFields()) {
      open.put(field.pos(), manifest.get(field.pos()));
    }
    open.put("chain_digest", ByteBuffer.allocate(0));
    ByteArrayOutputStream body = new ByteArrayOutputStream(512);
    RecordCodec.write(open, body);
    return chain(parentDigest, body.toByteArray());
  }

  static byte[] chain(byte[] parentDigest, byte[] body) {
    if (parentDigest.length != LENGTH) {
      throw new IllegalArgumentException(
          "a parent's chain digest has 32 bytes, not " + parentDigest.length);
    }
    MessageDigest sha = sha256();
    sha.update(parentDigest);
    return sha.digest(body);
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform must have SHA-256", e);
    }
  }
}
