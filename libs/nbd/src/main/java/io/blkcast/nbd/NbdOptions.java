package io.blkcast.nbd;

import java.time.Duration;

/**
 * Limits of an NBD server.
 *
 * @param workers threads that do the blocking work of one export, at least 1
 * @param clientsPerExport clients of one export at once; more are turned away as they come
 * @param maxBytesInFlight bytes of requests and replies held in memory for one connection, at least
 *     64 KiB; beyond it its socket is not read. A single larger request (32 MiB at most) is served
 *     alone
 * @param sharedBytesInFlight the same over all connections, at least 64 KiB more than 32 MiB;
 *     {@value #OWN_BYTES} bytes of each connection do not count, so that none waits for others with
 *     a small request. What is more than 32 MiB is reserved, in equal shares, for each export
 * @param stallLimit half of the time after which a client is dropped that has not chosen an export;
 *     likewise one that in the middle of a payload has moved less, in such a time, or of taking
 *     replies, in two of these, than {@value #LEAST_RATE} bytes a second over all of that time, or
 *     than lets go of all that it holds in ten minutes
 */
public record NbdOptions(
    int workers,
    int clientsPerExport,
    int maxBytesInFlight,
    long sharedBytesInFlight,
    Duration stallLimit) {

  /** What a connection may hold without asking. */
  static final int OWN_BYTES = 256 << 10;

  /** Clients that have not chosen an export yet, over all exports. */
  static final int NEGOTIATING = 64;

  /** Bytes a second: less than any link that a disk is used over. */
  static final int LEAST_RATE = 16 << 10;

  /** Who holds much must get on faster: others may wait for it no longer than about so long. */
  private static final int MOST_HELD_SECONDS = 600;

  /** What is shared where the heap allows it. */
  private static final long SHARED = 64 << 20;

  /** The least that lets every request be served, with something reserved for each export. */
  private static final long LEAST_SHARED = Nbd.MAX_PAYLOAD + (16 << 20);

  public static final NbdOptions DEFAULT =
      new NbdOptions(8, 32, 16 << 20, SHARED, Duration.ofSeconds(30));

  public NbdOptions {
    if (workers < 1
        || clientsPerExport < 1
        || maxBytesInFlight < 64 << 10
        || sharedBytesInFlight < Nbd.MAX_PAYLOAD + (64 << 10)) {
      throw new IllegalArgumentException(
          "workers and clients must be at least 1, bytes in flight at least 64 KiB, and over"
              + " all connections more than 32 MiB");
    }
  }

  /** The same for so many clients of each export. */
  public NbdOptions withClientsPerExport(int clients) {
    return new NbdOptions(workers, clients, maxBytesInFlight, sharedBytesInFlight, stallLimit);
  }

  /**
   * The same, with no more shared than a process of so much memory can spare.
   *
   * @param bytes the most that the heap may become, which buffers outside of it may take again
   */
  public NbdOptions withinMemory(long bytes) {
    long shared = Math.max(LEAST_SHARED, Math.min(sharedBytesInFlight, bytes / 2));
    return new NbdOptions(workers, clientsPerExport, maxBytesInFlight, shared, stallLimit);
  }

  /** After which a client is dropped that does not get on. */
  Duration patience() {
    return stallLimit.multipliedBy(2);
  }

  /**
   * Bytes that a client must move in that time.
   *
   * @param held bytes of memory that it holds meanwhile
   */
  long leastMoved(long held) {
    return patience().toMillis() * Math.max(LEAST_RATE, held / MOST_HELD_SECONDS) / 1000;
  }
}
