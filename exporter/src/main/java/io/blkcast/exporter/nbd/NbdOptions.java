package io.blkcast.exporter.nbd;

/**
 * Limits of an NBD server.
 *
 * @param workers threads that do the exports' blocking work, at least 1
 * @param maxConnections clients at once; more are turned away as they come
 * @param maxBytesInFlight bytes of requests and replies held in memory for one connection, at least
 *     64 KiB; beyond it its socket is not read. A single larger request (32 MiB at most) is served
 *     alone
 */
public record NbdOptions(int workers, int maxConnections, int maxBytesInFlight) {

  public static final NbdOptions DEFAULT = new NbdOptions(8, 32, 16 << 20);

  public NbdOptions {
    if (workers < 1 || maxConnections < 1 || maxBytesInFlight < 64 << 10) {
      throw new IllegalArgumentException(
          "workers and connections must be at least 1, bytes in flight at least 64 KiB");
    }
  }
}
