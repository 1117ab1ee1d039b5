package io.blkcast.exporter.source;

import java.util.List;

/** What {@link ChangeSourceContract} needs of an implementation: volumes, and a way to use them. */
public interface SourceRig extends AutoCloseable {

  /** The source; another object after {@link #restart}. */
  ChangeSource source();

  /**
   * Whether the source has to release ranges, count epochs and tell figures, as all do but a plain
   * module. Not to be had from the source: one that forgot it would be excused.
   */
  default boolean extended() {
    return true;
  }

  /** Two volumes, tracked by nobody yet and all zero. */
  List<String> volumes();

  /** Size of both, a multiple of 512 but not of the tracking block. */
  long capacity();

  /** Writes as a user of the volume does; offset and length are multiples of 512. */
  void write(String volume, long offset, byte[] data) throws Exception;

  /** Makes a range read as zero, as a trim does. */
  void trim(String volume, long offset, long length) throws Exception;

  /** Reads the volume as it is. */
  byte[] read(String volume, long offset, int length) throws Exception;

  /** Stops and starts what tracks; history is kept, snapshots are not. */
  void restart() throws Exception;

  @Override
  void close() throws Exception;
}
