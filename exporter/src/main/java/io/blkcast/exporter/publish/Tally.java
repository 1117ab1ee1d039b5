package io.blkcast.exporter.publish;

import io.blkcast.exporter.publish.VolumePublisher.Header;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;

/** What an attempt has sent so far. One call at a time. */
final class Tally {

  private long extents;
  private long extentBytes;
  private long extentBatches;
  private long chunks;
  private long chunkBytes;
  private long zeroBytes;
  private long payloadBytes;

  /** Counts an extent in. */
  void extent(long bytes) {
    extents++;
    extentBytes += bytes;
  }

  /** Counts a batch of extents in; returns its sequence. */
  long nextBatch() {
    return extentBatches++;
  }

  /** Counts a chunk in; returns its sequence. */
  long nextChunk(long bytes, boolean zero, int payload) {
    chunkBytes += bytes;
    zeroBytes += zero ? bytes : 0;
    payloadBytes += payload;
    return chunks++;
  }

  long extents() {
    return extents;
  }

  long chunks() {
    return chunks;
  }

  long chunkBytes() {
    return chunkBytes;
  }

  long zeroBytes() {
    return zeroBytes;
  }

  long payloadBytes() {
    return payloadBytes;
  }

  /**
   * Holds what was sent against what was announced: an increment with a hole must not be committed.
   */
  void check(Header header) throws BrokerException {
    if (extents != header.extentCount()
        || extentBytes != header.changedBytes()
        || chunkBytes != header.changedBytes()) {
      throw new BrokerException(
          Code.FATAL,
          "increment "
              + header.incrementId()
              + " announced "
              + header.extentCount()
              + " extents of "
              + header.changedBytes()
              + " bytes; sent were "
              + extents
              + " extents of "
              + extentBytes
              + " bytes and chunks of "
              + chunkBytes
              + " bytes: this is a fault of the exporter, please report it");
    }
  }
}
