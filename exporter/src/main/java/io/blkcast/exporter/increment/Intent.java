package io.blkcast.exporter.increment;

import java.io.IOException;

/**
 * What was asked of a volume and holds until it is done or taken back, whatever happens to the
 * exporter.
 *
 * @param paused no increments until told otherwise
 * @param resync the next increment has to be a BASELINE
 */
public record Intent(boolean paused, boolean resync) {

  static final Intent NONE = new Intent(false, false);

  /** Where the intent of one volume is kept. */
  public interface Store {

    /** As it was saved last. */
    Intent current();

    /** Keeps it for good. Blocks. */
    void save(Intent intent) throws IOException;
  }
}
