package io.blkcast.exporter.increment;

import java.time.Duration;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * When a volume that has failed is tried again: later after each failure in a row, see {@link
 * Backoff}. One try at most is ahead, and the monitor shows when it is. Belongs to the loop.
 */
final class Retry {

  private static final Logger LOG = LoggerFactory.getLogger(Retry.class);

  private final Loop loop;
  private final RandomGenerator random;
  private final String volume;
  private final VolumeMonitor monitor;
  private final Runnable attempt;
  private int failures;
  private Loop.@Nullable Timer timer;

  Retry(Loop loop, RandomGenerator random, String volume, VolumeMonitor monitor, Runnable attempt) {
    this.loop = loop;
    this.random = random;
    this.volume = volume;
    this.monitor = monitor;
    this.attempt = attempt;
  }

  /** Counts a failure; whether and when to try again is told apart. */
  void failed() {
    failures++;
  }

  /** The next failure is the first again. */
  void succeeded() {
    failures = 0;
  }

  /** Whether a try is ahead, so that there is nothing to do before. */
  boolean isWaiting() {
    return timer != null;
  }

  /** Tries again after a while, in place of a try that is ahead. */
  void schedule(FailureClassification verdict, boolean slowly) {
    Duration delay = Backoff.after(failures, slowly, random);
    LOG.warn(
        "{}: {} ({}); again in {} ms", volume, verdict.message(), verdict.code(), delay.toMillis());
    cancel();
    monitor.retryAt(Optional.of(loop.clock().instant().plus(delay)));
    timer =
        loop.schedule(
            delay,
            () -> {
              cancel();
              attempt.run();
            });
  }

  void cancel() {
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
    monitor.retryAt(Optional.empty());
  }
}
