package io.blkcast.kafka;

import io.blkcast.codec.CodecException;
import io.blkcast.kafka.BrokerException.Code;
import java.time.Instant;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.regex.Pattern;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPidMappingException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TransactionAbortedException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.jspecify.annotations.Nullable;

/** Makes of what Kafka's clients throw what the exporter acts upon. */
public final class KafkaErrors {

  /** The admin client tells of a call with its times, so that no two messages are the same. */
  private static final Pattern TIMED_OUT =
      Pattern.compile("Call\\(callName=(\\w+).*\\) timed out at \\d+ after \\d+ attempt\\(s\\)");

  private KafkaErrors() {}

  /**
   * Translates a failure.
   *
   * @param what was being done, for the message: "commit of increment …"
   * @param remedyOfDenial what to do where the brokers deny it
   */
  public static BrokerException translate(String what, Throwable thrown, String remedyOfDenial) {
    Throwable failure = thrown;
    while ((failure instanceof ExecutionException
            || failure instanceof CompletionException
            || failure.getClass() == KafkaException.class)
        && failure.getCause() != null) {
      failure = failure.getCause();
    }
    if (failure instanceof BrokerException already) {
      return already;
    }
    if (failure instanceof InterruptException || failure instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
    Code code = code(failure);
    return new BrokerException(
        code, what + ": " + cause(failure) + remedy(failure, remedyOfDenial), failure);
  }

  private static Code code(Throwable failure) {
    if (isFenced(failure)) {
      // Only who committed can know who is shut out for good.
      return Code.RETRIABLE;
    }
    if (failure instanceof AuthorizationException || failure instanceof AuthenticationException) {
      return Code.DENIED;
    }
    if (failure instanceof RecordTooLargeException
        || failure instanceof InvalidTopicException
        || failure instanceof InvalidConfigurationException
        || failure instanceof InvalidReplicationFactorException
        || failure instanceof PolicyViolationException
        || failure instanceof UnsupportedVersionException) {
      return Code.MISCONFIGURED;
    }
    if (failure instanceof ConfigException) {
      // Names may not resolve because the network is not up yet.
      return unresolved(failure) ? Code.RETRIABLE : Code.MISCONFIGURED;
    }
    if (failure instanceof CodecException codec) {
      return switch (codec.code()) {
        case REGISTRY_UNAVAILABLE -> Code.RETRIABLE;
        case REGISTRY_DENIED -> Code.DENIED;
        case INCOMPATIBLE, UNKNOWN_SCHEMA -> Code.MISCONFIGURED;
        case MALFORMED, CORRUPTED -> Code.FATAL;
      };
    }
    if (failure instanceof RetriableException
        || failure instanceof OutOfOrderSequenceException
        || failure instanceof TransactionAbortedException
        || failure instanceof InterruptException
        || failure instanceof InterruptedException
        || failure instanceof java.util.concurrent.TimeoutException) {
      return Code.RETRIABLE;
    }
    return Code.FATAL;
  }

  /**
   * Another producer of the same transactional id was started, or the transaction timed out, or the
   * brokers have forgotten the id: this producer is of no use any more.
   */
  public static boolean isFenced(@Nullable Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof ProducerFencedException
          || cause instanceof InvalidProducerEpochException
          || cause instanceof InvalidTxnStateException
          || cause instanceof InvalidPidMappingException) {
        return true;
      }
    }
    return false;
  }

  private static boolean unresolved(Throwable failure) {
    return String.valueOf(failure.getMessage()).contains("resolvable");
  }

  /** What was thrown, in the words of its cause. */
  public static String words(Throwable thrown) {
    return thrown.getCause() == null || thrown.getClass() != KafkaException.class
        ? cause(thrown)
        : cause(thrown.getCause());
  }

  private static String cause(Throwable failure) {
    String message = failure.getMessage();
    return message == null || message.isBlank()
        ? failure.toString()
        : TIMED_OUT.matcher(message).replaceAll("no answer to $1 in time");
  }

  private static String remedy(Throwable failure, String remedyOfDenial) {
    if (failure instanceof SslAuthenticationException) {
      return "; check kafka.ssl.* against the brokers' certificates";
    }
    if (failure instanceof AuthenticationException) {
      return "; check kafka.sasl.*";
    }
    if (failure instanceof AuthorizationException) {
      return remedyOfDenial;
    }
    if (failure instanceof InvalidTimestampException) {
      return "; the clock of this host or that of the brokers is wrong (here it is "
          + Instant.now()
          + "): set it, as timedatectl does";
    }
    if (failure instanceof RecordTooLargeException) {
      return "; make chunkSize smaller, or raise max.message.bytes of the topic";
    }
    if (failure instanceof InvalidReplicationFactorException) {
      return "; set topics.replicationFactor to at most the number of brokers";
    }
    if (failure instanceof TimeoutException || failure instanceof ConfigException) {
      return "; are the brokers of kafka.bootstrap.servers reachable?";
    }
    return "";
  }
}
