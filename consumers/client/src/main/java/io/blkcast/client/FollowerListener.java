package io.blkcast.client;

import io.blkcast.schema.IncrementCommitted;

/** Told what a {@link Follower} does, on its thread; must not block. */
public interface FollowerListener {

  /** Tells nobody. */
  FollowerListener NONE = new FollowerListener() {};

  /** An increment is about to be fetched. */
  default void started(IncrementCommitted manifest) {}

  /**
   * Content was read or applied.
   *
   * @param phase what is done with it
   * @param bytes bytes of the volume done in this phase
   */
  default void progress(IncrementCommitted manifest, Phase phase, long bytes) {}

  /** An increment was applied wholly. */
  default void applied(IncrementCommitted manifest) {}

  /** An increment could not be taken; a BASELINE is waited for. */
  default void refused(IncrementCommitted manifest, IncrementException cause) {}

  /** A BASELINE was asked of the exporter. */
  default void resyncRequested(String reason) {}

  /** Nothing more is committed at the moment. */
  default void caughtUp() {}

  /** What is done with an increment's content. */
  enum Phase {
    /** Fetched and proved. */
    VERIFY,
    /** Handed to the sink. */
    APPLY
  }
}
