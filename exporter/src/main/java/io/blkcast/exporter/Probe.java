package io.blkcast.exporter;

import io.blkcast.exporter.increment.Loop;
import io.blkcast.exporter.increment.Pool;
import io.vertx.core.Future;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Asks a peer for a sign of life, every few seconds and in the background, so that a health check
 * is answered at once. An answer that is too old counts as none. Lives on a loop.
 */
final class Probe {

  private static final Duration EVERY = Duration.ofSeconds(5);
  private static final Duration STALE = Duration.ofSeconds(20);

  private final Loop loop;
  private final String peer;
  private final Loop.Action question;
  private volatile @Nullable String failure = "not asked yet";
  private volatile Instant answeredAt = Instant.EPOCH;
  private boolean closed;

  /**
   * @param peer who is asked, for messages
   * @param question fails where there is no good answer; may block for some seconds
   */
  Probe(Loop loop, String peer, Loop.Action question) {
    this.loop = loop;
    this.peer = peer;
    this.question = question;
  }

  /** Asks now and from now on. */
  void start() {
    loop.perform(Pool.PUBLISH, question)
        .onComplete(
            answer -> {
              failure = answer.succeeded() ? null : String.valueOf(answer.cause().getMessage());
              answeredAt = loop.clock().instant();
              if (!closed) {
                loop.schedule(EVERY, this::start);
              }
            });
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
