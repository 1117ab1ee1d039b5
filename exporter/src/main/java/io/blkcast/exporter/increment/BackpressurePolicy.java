package io.blkcast.exporter.increment;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.function.ToLongFunction;

/**
 * Weighs how fast the difference storage fills against how fast the export, which empties it, comes
 * to its end. Says how hard the export has to hurry, and when it is lost: an increment that cannot
 * be finished is better given up than read from an image that overflows under it.
 *
 * <p>Knows nothing of clocks, threads and sources: samples in, decisions out. For one increment.
 */
final class BackpressurePolicy {

  /** Rates are means over this: long enough for bursts, short enough to see a flood coming. */
  private static final Duration WINDOW = Duration.ofSeconds(3);

  /** What will be full by then is as good as full: two samples and the time to give up. */
  private static final Duration LOST_WITHIN = Duration.ofMillis(750);

  private static final double PRESSED_SHARE = 0.5;
  private static final double CRITICAL_SHARE = 0.85;
  private static final double LOST_SHARE = 0.9;

  /** Below this share a forecast is not worth acting on: the first writes are always new ones. */
  private static final double FORECAST_SHARE = 0.1;

  /** How hard the export has to hurry, worst last. */
  enum Pressure {
    /** There is room for all that may come until the end. */
    CALM(1),
    /** It might get tight: twice the reads. */
    PRESSED(2),
    /** It will overflow unless the export gets faster: four times the reads. */
    CRITICAL(4),
    /** It overflows before the end: give up. For good. */
    LOST(1);

    private final int haste;

    Pressure(int haste) {
      this.haste = haste;
    }

    /** By what the usual reads at once, and bytes in flight, are to be multiplied. */
    int haste() {
      return haste;
    }
  }

  /**
   * What is known at one moment.
   *
   * @param usedBytes that the storage holds
   * @param limitBytes that it may hold
   * @param doneBytes of the increment that are safe
   * @param totalBytes of the increment
   */
  record Sample(Instant at, long usedBytes, long limitBytes, long doneBytes, long totalBytes) {}

  /**
   * What to do.
   *
   * @param worse whether the pressure is higher than it ever was before: worth telling
   * @param fillPerSecond bytes, 0 where the storage does not fill
   * @param untilFull at that rate; empty for never
   * @param untilDone at the present rate of the export; empty where it stands still
   */
  record Decision(
      Pressure pressure,
      boolean worse,
      Sample sample,
      long fillPerSecond,
      Optional<Duration> untilFull,
      Optional<Duration> untilDone) {}

  private final Deque<Sample> samples = new ArrayDeque<>();
  private Pressure pressure = Pressure.CALM;
  private Pressure worst = Pressure.CALM;

  /** Takes the next sample in; later than those before. */
  Decision decide(Sample sample) {
    samples.add(sample);
    while (samples.size() > 2
        && Duration.between(samples.getFirst().at(), sample.at()).compareTo(WINDOW) > 0) {
      samples.removeFirst();
    }
    double fill = Math.max(0, perMilli(Sample::usedBytes));
    double export = perMilli(Sample::doneBytes);
    long left = sample.totalBytes() - sample.doneBytes();
    double untilFull = (sample.limitBytes() - sample.usedBytes()) / fill;
    double untilDone = left == 0 ? 0 : left / export;
    Pressure now = weigh(sample, fill > 0, untilFull, untilDone);
    if (pressure == Pressure.LOST || now.compareTo(pressure) > 0) {
      pressure = pressure == Pressure.LOST ? pressure : now;
    } else if (now != pressure) {
      // Down a step at a time: what was tight a moment ago may be so again.
      pressure = Pressure.values()[pressure.ordinal() - 1];
    }
    boolean worse = pressure.compareTo(worst) > 0;
    worst = worse ? pressure : worst;
    return new Decision(
        pressure,
        worse,
        sample,
        Math.round(fill * 1000),
        fill > 0 ? Optional.of(millis(untilFull)) : Optional.empty(),
        left == 0 || export > 0 ? Optional.of(millis(untilDone)) : Optional.empty());
  }

  private static Pressure weigh(Sample s, boolean fills, double untilFull, double untilDone) {
    double share = s.limitBytes() <= 0 ? 0 : (double) s.usedBytes() / s.limitBytes();
    boolean overflows = fills && untilFull < untilDone;
    if (overflows && share >= LOST_SHARE && untilFull <= LOST_WITHIN.toMillis()) {
      return Pressure.LOST;
    }
    if (share >= CRITICAL_SHARE || (overflows && share >= PRESSED_SHARE)) {
      return Pressure.CRITICAL;
    }
    boolean tight = fills && untilFull < 2 * untilDone;
    return share >= PRESSED_SHARE || (tight && share >= FORECAST_SHARE)
        ? Pressure.PRESSED
        : Pressure.CALM;
  }

  private double perMilli(ToLongFunction<Sample> total) {
    Sample first = samples.getFirst();
    Sample last = samples.getLast();
    long millis = Duration.between(first.at(), last.at()).toMillis();
    return millis <= 0 ? 0 : (double) (total.applyAsLong(last) - total.applyAsLong(first)) / millis;
  }

  private static Duration millis(double millis) {
    return Duration.ofMillis((long) Math.max(0, Math.min(millis, 1e12)));
  }
}
