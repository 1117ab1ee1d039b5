package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.SourceException;
import java.util.List;

/** Makes what runs on volumes quiet while their snapshot is taken. Blocks; for a pool. */
@FunctionalInterface
public interface Quiescer {

  /** Does nothing. */
  Quiescer NONE = volumes -> () -> Level.NONE;

  /** What a snapshot is worth that was taken meanwhile. */
  enum Level {
    /** As after a power cut. */
    NONE,
    /** Filesystems were frozen, their logs are clean. */
    FILESYSTEM,
    /** Applications were quiet as well. */
    APPLICATION
  }

  /** Something is quiet until this is called, which it has to be, once. */
  @FunctionalInterface
  interface Hold {
    /**
     * Lets everything go on.
     *
     * @return what a snapshot is worth that was taken before this call; {@code NONE} where it is
     *     not certain that all was quiet up to here
     */
    Level release();
  }

  /**
   * Makes quiet what runs on the volumes.
   *
   * @throws SourceException where that did not work and a snapshot is not wanted without it
   */
  Hold quiesce(List<String> volumes) throws SourceException;
}
