package io.blkcast.client;

import io.blkcast.schema.IncrementCommitted;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Takes increments, one after the other, from one thread.
 *
 * <p>An increment is proved whole before {@link #begin}: what follows is committed, complete and
 * uncorrupted. A sink that dies between {@code begin} and {@code commit} must say so in its {@link
 * #state}: it is then given the same increment again from its start, before anything else. Writing
 * the same content to the same offsets again makes that harmless.
 */
public interface IncrementSink {

  /** Where the sink stands; must survive a crash. */
  State state();

  /**
   * Checks, before anything is fetched, that the increment can be applied.
   *
   * @throws IncrementException {@code REFUSED}, with the remedy, where it never can
   */
  void check(IncrementCommitted manifest) throws IncrementException;

  /**
   * Tells, as an increment is proved and before {@link #begin}, of content that it will write.
   *
   * @param content null for zeroes; valid during the call only
   */
  default void expect(
      IncrementCommitted manifest, long offset, long size, @Nullable ByteBuffer content)
      throws IncrementException {}

  /**
   * Called about twice a second while there is nothing to apply: looks whether the sink is still
   * there and as it was left.
   *
   * @throws IncrementException {@code REFUSED} where others changed it
   */
  default void inspect() throws IncrementException {}

  /** Makes durable that the increment is being applied. */
  void begin(IncrementCommitted manifest) throws IncrementException;

  /**
   * Applies content.
   *
   * @param offset bytes, within the volume
   * @param content position to limit; valid during the call only
   */
  void data(long offset, ByteBuffer content) throws IncrementException;

  /** Applies zeroes. */
  void zero(long offset, long length) throws IncrementException;

  /** Makes what was applied durable, then that it was applied wholly. */
  void commit(IncrementCommitted manifest) throws IncrementException;

  /**
   * Where a sink stands.
   *
   * @param applied last increment applied wholly; empty for a new sink
   * @param applying increment begun after it and not committed: the sink's content is no snapshot
   *     until that increment, or a BASELINE, has been applied wholly
   */
  record State(Optional<Position> applied, Optional<Position> applying) {

    /** Nothing applied yet. */
    public static final State EMPTY = new State(Optional.empty(), Optional.empty());
  }
}
