package io.blkcast.client;

import io.blkcast.client.IncrementException.Code;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import java.nio.ByteBuffer;
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

  private final String volume;
  private final RecordCodec codec;
  private final IncrementSink sink;
  private final FollowerListener listener;
  private final ResyncRequests resync;
  private @Nullable IncrementException waiting;

  /** Proves and applies an increment. */
  interface Taking {
    void run() throws IncrementException;
  }

  Acceptance(FollowerConfig config, IncrementSink sink, FollowerListener listener) {
    this.volume = config.volume();
    this.codec = config.codec();
    this.sink = sink;
    this.listener = listener;
    this.resync = new ResyncRequests(config, InstantSource.system());
  }

  /**
   * Offers the next committed increment.
   *
   * @param raw the manifest's record value
   * @throws IncrementException what a BASELINE does not heal
   */
  void offer(IncrementCommitted manifest, ByteBuffer raw, Taking taking) throws IncrementException {
    IncrementSink.State state = sink.state();
    if (state.applying().isEmpty() && isApplied(manifest, state)) {
      return;
    }
    if (waiting != null && manifest.getKind() != IncrementKind.BASELINE) {
      LOG.debug("{}: {} left out until a BASELINE", volume, manifest.getIncrementId());
      return;
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
    } catch (IncrementException e) {
      if (!e.needsResync()) {
        throw e;
      }
      LOG.warn("{}: a BASELINE is needed: {}", volume, e.getMessage());
      waiting = e;
      listener.refused(manifest, e);
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
  Optional<IncrementException> caughtUp() {
    if (waiting != null) {
      resync.request(String.valueOf(waiting.getMessage()), listener);
    }
    listener.caughtUp();
    return Optional.ofNullable(waiting);
  }

  @Override
  public void close() {
    resync.close();
  }
}
