package io.blkcast.exporter.increment;

/** An increment that was asked for is not going to be. The message names cause and remedy. */
public final class RequestRefusedException extends Exception {

  private static final long serialVersionUID = 1L;

  /** Why not. */
  public enum Code {
    /** No volume of that name. */
    UNKNOWN_VOLUME,
    /** Triggers are off. */
    PAUSED,
    /** Another exporter has taken the volume over. */
    FENCED,
    /** The volume needs a person. */
    FAILED,
    /** The exporter is shutting down. */
    CLOSED
  }

  private final Code code;

  public RequestRefusedException(Code code, String message) {
    super(message);
    this.code = code;
  }

  public Code code() {
    return code;
  }
}
