package io.blkcast.codec;

import org.apache.kafka.common.errors.SerializationException;

/** A record could not be encoded or decoded. The message names cause and remedy. */
public class CodecException extends SerializationException {

  private static final long serialVersionUID = 1L;

  /** What kind of failure it is. */
  public enum Code {
    /** The bytes are no record of ours: truncated, garbled or of another framing. */
    MALFORMED,
    /** A chunk's content is not what its size and CRC-32C say. */
    CORRUPTED,
    /** The bytes name a schema that neither this build nor the registry knows. */
    UNKNOWN_SCHEMA,
    /** The writer's schema cannot be read with this build's, or the registry refuses ours. */
    INCOMPATIBLE,
    /** The schema registry does not answer, or not as it should. Try again later. */
    REGISTRY_UNAVAILABLE,
    /** The schema registry does not let us in. */
    REGISTRY_DENIED
  }

  private final Code code;

  public CodecException(Code code, String message) {
    super(message);
    this.code = code;
  }

  public CodecException(Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  public Code code() {
    return code;
  }

  /** The bytes themselves are at fault. */
  static CodecException malformed(String message) {
    return new CodecException(Code.MALFORMED, message);
  }
}
