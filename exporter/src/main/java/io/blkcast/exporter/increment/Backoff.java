package io.blkcast.exporter.increment;

import java.time.Duration;
import java.util.random.RandomGenerator;

/** How long to wait after so many failures in a row. */
final class Backoff {

  private static final Duration FIRST = Duration.ofSeconds(1);
  private static final Duration MOST = Duration.ofMinutes(1);

  private Backoff() {}

  /**
   * Doubles from a second to a minute, less up to a quarter so that volumes do not march in step.
   *
   * @param failures in a row, 1 or more
   * @param slowly at once as long as it gets
   */
  static Duration after(int failures, boolean slowly, RandomGenerator random) {
    long millis =
        slowly
            ? MOST.toMillis()
            : Math.min(MOST.toMillis(), FIRST.toMillis() << Math.min(failures - 1, 10));
    return Duration.ofMillis(millis - random.nextLong(millis / 4 + 1));
  }
}
