package io.blkcast.exporter.publish;

import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.kafka.KafkaErrors;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How many records of an attempt Kafka has yet to acknowledge, and the first failure. Counts up on
 * the caller's thread, down on the producer's.
 */
final class PendingAcks {

  private long pending;
  private @Nullable BrokerException failure;

  synchronized void sent() {
    pending++;
  }

  synchronized void acknowledged() {
    pending--;
    notifyAll();
  }

  synchronized void failed(BrokerException cause) {
    if (failure == null) {
      failure = cause;
    }
    acknowledged();
  }

  /** The first failure, or null: nothing more need be sent after one. */
  synchronized @Nullable BrokerException failure() {
    return failure;
  }

  /**
   * Waits until nothing is pending.
   *
   * @throws BrokerException the first failure, at once; {@code RETRIABLE} when the limit has passed
   */
  synchronized void await(Duration limit) throws BrokerException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (pending > 0 && failure == null) {
      long millis = (deadline - System.nanoTime()) / 1_000_000;
      if (millis <= 0) {
        throw new BrokerException(
            Code.RETRIABLE, pending + " records are not acknowledged after " + limit);
      }
      try {
        wait(millis);
      } catch (InterruptedException e) {
        throw KafkaErrors.translate("waiting for acknowledgements", e, "");
      }
    }
    BrokerException cause = failure;
    if (cause != null) {
      throw new BrokerException(cause.code(), String.valueOf(cause.getMessage()), cause);
    }
  }
}
