package io.blkcast.exporter.increment;

/**
 * Where an increment stands. {@code IDLE → TAKING → MAPPING → EXPORTING → COMMITTING → RELEASING →
 * IDLE}, and from each of them but {@code IDLE} {@code ABORTING → IDLE}.
 */
public enum IncrementState {
  /** None is under way. */
  IDLE,
  /** The snapshot is being taken. */
  TAKING,
  /** The change map is read and counted, and the increment is opened at Kafka. */
  MAPPING,
  /** Chunks are read, encoded, sent and acknowledged. */
  EXPORTING,
  /** The manifest and the checkpoint are being written, in one transaction. */
  COMMITTING,
  /** It is committed; the snapshot is being destroyed. */
  RELEASING,
  /** It is given up; what it holds is being let go of. */
  ABORTING;

  /** Whether this state may follow the other. */
  public boolean canFollow(IncrementState previous) {
    return switch (this) {
      case IDLE -> previous == RELEASING || previous == ABORTING;
      case TAKING -> previous == IDLE;
      case MAPPING -> previous == TAKING;
      case EXPORTING -> previous == MAPPING;
      case COMMITTING -> previous == EXPORTING;
      case RELEASING -> previous == COMMITTING;
      case ABORTING -> previous != IDLE && previous != ABORTING;
    };
  }

  /**
   * The next state.
   *
   * @throws IllegalStateException where it may not follow this one
   */
  public IncrementState to(IncrementState next) {
    if (!next.canFollow(this)) {
      throw new IllegalStateException("an increment cannot go from " + this + " to " + next);
    }
    return next;
  }
}
