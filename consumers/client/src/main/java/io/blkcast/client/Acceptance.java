package io.blkcast.client;

import io.blkcast.client.IncrementException.Code;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides of each committed increment whether it is the next one for a sink, and what to do when it
 * cannot be taken: leave out all up to a BASELINE, and ask for one if none is there. Used by one
 * thread.
 */
final class Acceptance implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Acceptance.class);

  /** Clocks that are kept by NTP differ by less. */
  private static final Duration CLOCKS_DIFFER = Duration.ofMinutes(5);

  private final String volume;
  private final RecordCodec codec;
  private final IncrementSink sink;
  private final FollowerListener listener;
  private final InstantSource clock;
  private final ResyncRequests resync;
  private @Nullable IncrementException waiting;
  private boolean clocksTold;

  /** Proves and applies an increment. */
  interface Taking {
    void run() throws IncrementException;
  }

  Acceptance(FollowerConfig config, IncrementSink sink, FollowerListener listener) {
    this.volume = config.volume();
    this.codec = config.codec();
    this.sink = sink;
    this.listener = listener;
    this.clock = InstantSource.system();
    this.resync = new ResyncRequests(config, clock, System::nanoTime);
  }

  /**
   * Offers the next committed increment.
   *
   * @param raw the manifest's record value
   * @return whether it is applied now
   * @throws IncrementException what a BASELINE does not heal
   */
  boolean offer(IncrementCommitted manifest, ByteBuffer raw, Taking taking)
      throws IncrementException {
    IncrementSink.State state = sink.state();
    if (state.applying().isEmpty() && isApplied(manifest, state)) {
      return true;
    }
    if (waiting != null && manifest.getKind() != IncrementKind.BASELINE) {
      LOG.debug("{}: {} left out until a BASELINE", volume, manifest.getIncrementId());
      return false;
    }
    try {
      checkUnfinished(manifest, state);
      Chain.check(codec, volume, manifest, raw, state.applied());
      sink.check(manifest);
      listener.started(manifest);
      taking.run();
      waiting = null;
      resync.done();
      listener.applied(manifest);
      compareClocks(manifest);
      return true;
    } catch (IncrementException e) {
      if (!e.needsResync()) {
        throw e;
      }
      LOG.warn("{}: a BASELINE is needed: {}", volume, e.getMessage());
      waiting = e;
      listener.refused(manifest, e);
      return false;
    }
  }

  private void compareClocks(IncrementCommitted manifest) {
    Duration ahead = Duration.between(clock.instant(), manifest.getCommittedAt());
    if (ahead.compareTo(CLOCKS_DIFFER) > 0 && !clocksTold) {
      clocksTold = true;
      LOG.warn(
          "{}: increment {} was committed at {} by its exporter's clock, {} min ahead of this"
              + " machine's: one of the clocks is wrong. What is replicated does not depend on it;"
              + " correct it all the same, because times in logs and events are misleading",
          volume,
          manifest.getIncrementId(),
          manifest.getCommittedAt(),
          ahead.toMinutes());
    }
  }

  private static boolean isApplied(IncrementCommitted manifest, IncrementSink.State state) {
    return state
        .applied()
        .filter(at -> at.incrementId().equals(manifest.getIncrementId()))
        .isPresent();
  }

  /** A sink that holds part of an increment can take only that one, or a BASELINE. */
  private static void checkUnfinished(IncrementCommitted manifest, IncrementSink.State state)
      throws IncrementException {
    if (state.applying().isPresent()
        && manifest.getKind() != IncrementKind.BASELINE
        && !state.applying().get().incrementId().equals(manifest.getIncrementId())) {
      throw new IncrementException(
          Code.GAP,
          "increment %s of %s was applied in part and cannot be finished: it is gone"
              .formatted(state.applying().get().incrementId(), manifest.getVolume()));
    }
  }

  /**
   * Called when all that is committed was offered; asks for a BASELINE if one is needed.
   *
   * @return why one is needed; empty when none is
   */
  Optional<IncrementException> missing() {
    if (waiting != null) {
      resync.request(String.valueOf(waiting.getMessage()), listener);
    }
    return Optional.ofNullable(waiting);
  }

  @Override
  public void close() {
    resync.close();
  }
}
