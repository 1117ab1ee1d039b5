package io.blkcast.client;

/** An increment cannot be taken. The message names cause and remedy. */
public class IncrementException extends Exception {

  private static final long serialVersionUID = 1L;

  /** What kind of failure it is; decides what the reader does next. */
  public enum Code {
    /** Records that the manifest names are gone: deleted by retention, or lost by the brokers. */
    MISSING,
    /** The increment does not stand on what was applied last. */
    GAP,
    /** The records are not what the manifest says. */
    CORRUPT,
    /** Not authorised: name the missing right. */
    DENIED,
    /** The sink can never take it: too small, wrong size, not ours. */
    REFUSED,
    /** The sink's storage failed. */
    SINK,
    /** Nothing is published of that volume. */
    NOTHING,
    /** It cannot be known whether something newer is committed than what can be read. */
    UNDECIDED,
    /** Brokers or the client failed in another way. */
    KAFKA
  }

  private final Code code;

  public IncrementException(Code code, String message) {
    super(message);
    this.code = code;
  }

  public IncrementException(Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  public Code code() {
    return code;
  }

  /** Whether a new BASELINE from the exporter heals it. */
  public boolean needsResync() {
    return code == Code.MISSING || code == Code.GAP || code == Code.CORRUPT;
  }
}
