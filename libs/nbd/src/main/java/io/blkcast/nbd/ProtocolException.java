package io.blkcast.nbd;

/** A client broke the protocol; the connection cannot go on. */
final class ProtocolException extends Exception {

  private static final long serialVersionUID = 1L;

  ProtocolException(String message) {
    super(message);
  }
}
