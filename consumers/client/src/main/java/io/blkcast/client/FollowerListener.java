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

  /**
   * A record under the volume's key cannot be read, or is none of the volume's, and is left out.
   *
   * @param what where it is, and why
   */
  default void skipped(String what) {}

  /**
   * Following is held up, and has been for some seconds. Told when that is noticed, and again from
   * time to time.
   *
   * @param cause why, and what to do
   */
  default void stalled(String cause) {}

  /** Nothing more is committed at the moment, and all of it is applied. */
  default void caughtUp() {}

  /**
   * Brokers answer, and there is nothing to apply: a first increment or a BASELINE is waited for.
   */
  default void idle() {}

  /** What is done with an increment's content. */
  enum Phase {
    /** Fetched and proved. */
    VERIFY,
    /** Handed to the sink. */
    APPLY
  }
}
