package io.blkcast.exporter.increment;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * When a volume's next increment is due by itself: one period after the commit of the last, however
 * that came about. One is ahead at most, and the monitor shows when. Belongs to the loop.
 */
final class Schedule {

  private static final Logger LOG = LoggerFactory.getLogger(Schedule.class);

  /** Less harms nothing, and is common. */
  private static final Duration TOLERATED = Duration.ofMinutes(2);

  private final Loop loop;
  private final Optional<Duration> every;
  private final VolumeMonitor monitor;
  private final Runnable due;
  private Loop.@Nullable Timer timer;
  private boolean clockIsWrong;

  /**
   * @param every the period; without one, nothing is ever due
   */
  Schedule(Loop loop, Optional<Duration> every, VolumeMonitor monitor, Runnable due) {
    this.loop = loop;
    this.every = every;
    this.monitor = monitor;
    this.due = due;
  }

  /**
   * Sets the time anew: one period after the last commit, or now. A commit that lies ahead was
   * stamped by a clock that went wrong, and does not put the next off.
   */
  void arm(Optional<Instant> committedAt) {
    cancel();
    judgeClock(committedAt);
    if (every.isEmpty()) {
      return;
    }
    Instant now = loop.clock().instant();
    Instant planned = committedAt.map(last -> last.plus(every.get())).orElse(now);
    Instant latest = now.plus(every.get());
    Instant at = planned.isBefore(now) ? now : planned.isAfter(latest) ? latest : planned;
    monitor.nextAt(Optional.of(at));
    timer =
        loop.schedule(
            Duration.between(now, at),
            () -> {
              timer = null;
              monitor.nextAt(Optional.empty());
              due.run();
            });
  }

  /** Tells of a commit that lies ahead: the schedule copes with it, others may not. */
  private void judgeClock(Optional<Instant> committedAt) {
    Instant now = loop.clock().instant();
    Optional<Failure> ahead =
        committedAt
            .filter(at -> at.isAfter(now.plus(TOLERATED)))
            .map(
                at ->
                    new Failure(
                        "clock",
                        "the last increment was committed at "
                            + at
                            + ", and the clock of this host says "
                            + now
                            + ": it is behind, or was ahead then. Set it (timedatectl; is NTP"
                            + " running?). The schedule goes on",
                        now));
    if (ahead.isPresent() != clockIsWrong) {
      clockIsWrong = ahead.isPresent();
      monitor.warning(ahead);
      ahead.ifPresent(
          failure -> LOG.warn("{}: {}", monitor.progress().volume(), failure.message()));
    }
  }

  void cancel() {
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
    monitor.nextAt(Optional.empty());
  }
}
