package io.blkcast.exporter.increment;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;

/** The mean rate of a growing total over the last ten seconds. For one thread. */
final class RateMeter {

  private static final Duration WINDOW = Duration.ofSeconds(10);
  private static final Duration STEP = Duration.ofMillis(250);

  private record Sample(Instant at, long total) {}

  private final InstantSource clock;
  private final Deque<Sample> samples = new ArrayDeque<>();

  RateMeter(InstantSource clock) {
    this.clock = clock;
    samples.add(new Sample(clock.instant(), 0));
  }

  /** Tells the total so far. */
  void reached(long total) {
    Instant now = clock.instant();
    if (Duration.between(samples.getLast().at(), now).compareTo(STEP) >= 0) {
      samples.add(new Sample(now, total));
      while (samples.size() > 2
          && Duration.between(samples.getFirst().at(), now).compareTo(WINDOW) > 0) {
        samples.removeFirst();
      }
    }
  }

  /** Units a second up to the total, 0 while there is nothing to go by. */
  long perSecond(long total) {
    Sample first = samples.getFirst();
    long millis = Duration.between(first.at(), clock.instant()).toMillis();
    return millis <= 0 ? 0 : Math.round((total - first.total()) * 1000.0 / millis);
  }
}
