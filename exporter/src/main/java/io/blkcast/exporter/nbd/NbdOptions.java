package io.blkcast.exporter.nbd;

/**
 * Limits of an NBD server.
 *
 * @param workers threads that do the exports' blocking work, at least 1
 * @param maxConnections clients at once; more are closed as they come
 * @param maxBytesInFlight bytes of requests and replies held in memory for all connections
 *     together; beyond it sockets are not read. At least 64 MiB, so that one largest request fits
 */
public record NbdOptions(int workers, int maxConnections, long maxBytesInFlight) {

  public static final NbdOptions DEFAULT = new NbdOptions(8, 64, 64L << 20);

  public NbdOptions {
    if (workers < 1 || maxConnections < 1 || maxBytesInFlight < 64L << 20) {
      throw new IllegalArgumentException(
          "workers and connections must be at least 1, bytes in flight at least 64 MiB");
    }
  }
}
