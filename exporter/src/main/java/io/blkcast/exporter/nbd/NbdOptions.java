package io.blkcast.exporter.nbd;

import java.time.Duration;

/**
 * Limits of an NBD server.
 *
 * @param workers threads that do the blocking work of one export, at least 1
 * @param maxConnections clients at once; more are turned away as they come
 * @param maxBytesInFlight bytes of requests and replies held in memory for one connection, at least
 *     64 KiB; beyond it its socket is not read. A single larger request (32 MiB at most) is served
 *     alone
 * @param sharedBytesInFlight the same over all connections, at least 64 KiB more than 32 MiB;
 *     {@value #OWN_BYTES} bytes of each connection do not count, so that none waits for others with
 *     a small request
 * @param stallLimit a client that sends nothing for twice as long in the middle of a payload, or
 *     takes nothing of its replies, or has not chosen an export after it, is dropped
 */
public record NbdOptions(
    int workers,
    int maxConnections,
    int maxBytesInFlight,
    long sharedBytesInFlight,
    Duration stallLimit) {

  /** What a connection may hold without asking. */
  static final int OWN_BYTES = 256 << 10;

  public static final NbdOptions DEFAULT =
      new NbdOptions(8, 32, 16 << 20, 64 << 20, Duration.ofSeconds(30));

  public NbdOptions {
    if (workers < 1
        || maxConnections < 1
        || maxBytesInFlight < 64 << 10
        || sharedBytesInFlight < Nbd.MAX_PAYLOAD + (64 << 10)) {
      throw new IllegalArgumentException(
          "workers and connections must be at least 1, bytes in flight at least 64 KiB, and over"
              + " all connections more than 32 MiB");
    }
  }
}
