package io.blkcast.nbd;

import java.io.IOException;

/** A failure that the protocol has an error number for. */
public final class NbdException extends IOException {

  private static final long serialVersionUID = 1L;

  /** Errors of the NBD protocol, with their numbers on the wire. */
  public enum Error {
    NOT_PERMITTED(1),
    IO(5),
    NO_MEMORY(12),
    INVALID(22),
    NO_SPACE(28),
    OVERFLOW(75),
    NOT_SUPPORTED(95),
    SHUTDOWN(108);

    private final int number;

    Error(int number) {
      this.number = number;
    }

    /** The number on the wire. */
    public int number() {
      return number;
    }
  }

  private final Error error;

  public NbdException(Error error, String message) {
    super(message);
    this.error = error;
  }

  public Error error() {
    return error;
  }
}
