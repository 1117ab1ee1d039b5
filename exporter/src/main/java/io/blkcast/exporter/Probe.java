package io.blkcast.exporter;

import io.blkcast.exporter.increment.Loop;
import io.blkcast.exporter.increment.Pool;
import io.vertx.core.Future;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks a peer for a sign of life, every few seconds and in the background, so that a health check
 * is answered at once. An answer that is too old counts as none. What is wrong is logged when it
 * begins, at growing intervals while it lasts, and when it is over. Lives on a loop.
 */
final class Probe {

  private static final Logger LOG = LoggerFactory.getLogger(Probe.class);

  private static final Duration EVERY = Duration.ofSeconds(3);
  private static final Duration STALE = Duration.ofSeconds(20);
  private static final Duration FIRST_REMINDER = Duration.ofSeconds(10);
  private static final Duration LAST_REMINDER = Duration.ofMinutes(10);

  private final Loop loop;
  private final String peer;
  private final Loop.Action question;
  private final Consumer<Optional<String>> changed;
  private volatile @Nullable String failure = "not asked yet";
  private volatile Instant answeredAt = Instant.EPOCH;
  private @Nullable Instant failingSince;
  private Instant remindAt = Instant.EPOCH;
  private Duration reminder = FIRST_REMINDER;
  private boolean closed;

  /**
   * @param peer who is asked, for messages
   * @param question fails where there is no good answer; may block for some seconds
   * @param changed told on the loop of each new problem, and of the end of all
   */
  Probe(Loop loop, String peer, Loop.Action question, Consumer<Optional<String>> changed) {
    this.loop = loop;
    this.peer = peer;
    this.question = question;
    this.changed = changed;
  }

  /** Asks now and from now on. */
  void start() {
    loop.perform(Pool.PROBE, question)
        .onComplete(
            answer -> {
              if (closed) {
                return;
              }
              answered(answer.succeeded() ? null : String.valueOf(answer.cause().getMessage()));
              loop.schedule(EVERY, this::start);
            });
  }

  private void answered(@Nullable String problem) {
    String before = failure;
    Instant now = loop.clock().instant();
    failure = problem;
    answeredAt = now;
    if (problem == null) {
      Instant since = failingSince;
      if (since != null) {
        LOG.info("{}: works again, after {} s", peer, Duration.between(since, now).toSeconds());
        failingSince = null;
        changed.accept(Optional.empty());
      }
      return;
    }
    if (failingSince == null) {
      failingSince = now;
      reminder = FIRST_REMINDER;
      remindAt = Instant.EPOCH;
    }
    if (!problem.equals(before)) {
      changed.accept(Optional.of(problem));
    }
    if (!problem.equals(before) || !now.isBefore(remindAt)) {
      LOG.warn("{}: {} (since {})", peer, problem, failingSince);
      remindAt = now.plus(reminder);
      reminder = reminder.multipliedBy(2);
      if (reminder.compareTo(LAST_REMINDER) > 0) {
        reminder = LAST_REMINDER;
      }
    }
  }

  Future<Void> close() {
    closed = true;
    return Future.succeededFuture();
  }

  /** Why the peer is not to be relied on, if so; from any thread. */
  Optional<String> problem() {
    String last = failure;
    if (last != null) {
      return Optional.of(last);
    }
    return Duration.between(answeredAt, loop.clock().instant()).compareTo(STALE) > 0
        ? Optional.of(peer + ": no answer since " + answeredAt)
        : Optional.empty();
  }
}
