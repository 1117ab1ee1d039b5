package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.kafka.BrokerException;
import java.util.Locale;
import java.util.concurrent.CompletionException;

/**
 * What a failure means for the volume.
 *
 * @param code machine-readable, for records and the API
 * @param message for people
 * @param next what to do
 * @param reopen whether the publisher must be opened again first
 * @param retrack whether the volume must be tracked again first
 */
record FailureClassification(
    String code, String message, Next next, boolean reopen, boolean retrack) {

  /** Code of {@link BrokerException.Code#FOREIGN}. */
  static final String FOREIGN = "foreign-record";

  /** What to do. */
  enum Next {
    /** By itself, after a while. */
    RETRY,
    /** By itself, after a long while: it hardly heals without a person. */
    RETRY_SLOWLY,
    /** A person must do something, then resume. */
    STOP,
    /** Another exporter has the volume. */
    FENCED,
    /** The exporter is being closed. */
    CLOSED
  }

  static FailureClassification of(Throwable failure) {
    Throwable cause = failure;
    while (cause instanceof CompletionException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
    if (cause instanceof BrokerException publish) {
      String code = "kafka-" + label(publish.code());
      return switch (publish.code()) {
        case FENCED -> new FailureClassification("fenced", message, Next.FENCED, true, false);
        case FOREIGN -> new FailureClassification(FOREIGN, message, Next.RETRY, true, false);
        case RETRIABLE, FATAL -> new FailureClassification(code, message, Next.RETRY, true, false);
        case MISCONFIGURED, DENIED ->
            new FailureClassification(code, message, Next.RETRY_SLOWLY, true, false);
      };
    }
    if (cause instanceof SourceException source) {
      String code =
          source.code() == SourceException.Code.CORRUPTED
              ? "snapshot-corrupted"
              : "source-" + label(source.code());
      return switch (source.code()) {
        case BUSY, NO_SPACE, CORRUPTED, RELEASED, IO ->
            new FailureClassification(code, message, Next.RETRY, false, false);
        case NOT_TRACKED -> new FailureClassification(code, message, Next.RETRY, false, true);
        case GONE -> new FailureClassification(code, message, Next.RETRY_SLOWLY, false, true);
        case UNKNOWN_VOLUME, PERMISSION, UNSUPPORTED, INVALID ->
            new FailureClassification(code, message, Next.STOP, false, true);
        case CLOSED -> new FailureClassification(code, message, Next.CLOSED, false, false);
      };
    }
    if (cause instanceof RequestRefusedException refused
        && refused.code() == RequestRefusedException.Code.CLOSED) {
      return new FailureClassification("closed", message, Next.CLOSED, false, false);
    }
    return new FailureClassification("internal", cause.toString(), Next.RETRY, true, false);
  }

  private static String label(Enum<?> code) {
    return code.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
