package io.blkcast.client;

import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How long following has been held up by one cause, and when to tell. Used by one thread. */
final class Stall {

  private static final Logger LOG = LoggerFactory.getLogger(Stall.class);
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Duration REPEAT = Duration.ofMinutes(1);

  private final String volume;
  private final FollowerListener listener;
  private final LongSupplier nanos;
  private @Nullable String cause;
  private long since;
  private long toldAt;
  private boolean told;

  /**
   * @param nanos a clock that nobody sets
   */
  Stall(String volume, FollowerListener listener, LongSupplier nanos) {
    this.volume = volume;
    this.listener = listener;
    this.nanos = nanos;
  }

  /**
   * Following is held up by what may pass soon. Tells so after some seconds, and again each minute.
   *
   * @return whether it has been for as long as that
   */
  boolean by(String why) {
    return by(why, PATIENCE.toNanos());
  }

  /** The same for what will not pass by itself: tells so at once. */
  boolean surelyBy(String why) {
    return by(why, 0);
  }

  private boolean by(String why, long patience) {
    long now = nanos.getAsLong();
    if (!why.equals(cause)) {
      cause = why;
      since = now;
      told = false;
    }
    if (now - since < patience) {
      return false;
    }
    if (!told || now - toldAt >= REPEAT.toNanos()) {
      told = true;
      toldAt = now;
      long seconds = (now - since) / 1_000_000_000L;
      String message = seconds == 0 ? why : "%s (for %d s now)".formatted(why, seconds);
      LOG.warn("{}: held up: {}", volume, message);
      listener.stalled(message);
    }
    return now - since >= PATIENCE.toNanos();
  }

  /** Nothing holds it up any more. */
  void over() {
    if (told) {
      LOG.info("{}: goes on", volume);
    }
    cause = null;
    told = false;
  }
}
