package io.blkcast.kafka;

/** Kafka could not do what was asked of it. The message names cause and remedy. */
public class BrokerException extends Exception {

  private static final long serialVersionUID = 1L;

  /** What kind of failure it is; decides what the exporter does next. */
  public enum Code {
    /** Another exporter has taken over the volume: stop. */
    FENCED,
    /**
     * Someone else has written under the volume's key: what was published is not to be built on.
     */
    FOREIGN,
    /** Brokers unreachable, timeouts: give the attempt up and try again later. */
    RETRIABLE,
    /** A topic's or broker's settings would lose or refuse data: refuse to start. */
    MISCONFIGURED,
    /** Not authorised: name the missing right. */
    DENIED,
    /** Anything else. */
    FATAL
  }

  private final Code code;

  public BrokerException(Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  public BrokerException(Code code, String message) {
    super(message);
    this.code = code;
  }

  public Code code() {
    return code;
  }
}
