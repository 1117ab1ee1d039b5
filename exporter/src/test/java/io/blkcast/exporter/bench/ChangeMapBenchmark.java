package io.blkcast.exporter.bench;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import java.util.Random;
import java.util.UUID;

/**
 * Scans change maps of the largest size on one thread, beside a plain loop over the same bytes, and
 * prints GB/s of map and the ratio for several shares of changed blocks.
 */
public final class ChangeMapBenchmark {

  private static final int BLOCKS = 2_097_152;
  private static final int BLOCK = 64 << 10;
  private static final int ROUNDS = 9;
  private static final long ROUND_NANOS = 200_000_000;

  private interface Scan {
    long bytes();
  }

  private ChangeMapBenchmark() {}

  public static void main(String[] args) {
    System.out.printf("%-10s %14s %14s %8s%n", "changed", "ChangeMap", "plain loop", "ratio");
    for (double changed : new double[] {0, 0.0001, 0.01, 0.5}) {
      Position position = new Position(new UUID(1, 1), new UUID(1, 1), 200, OptionalLong.of(200));
      Position base = new Position(new UUID(1, 1), new UUID(1, 1), 100, OptionalLong.of(100));
      ByteBuffer bytes = bytes(changed);
      TrackingInfo info = new TrackingInfo((long) BLOCKS * BLOCK, BLOCK, position);
      ChangeMap map = new ChangeMap(bytes, info, 0, 0);
      double scan = rate(() -> ((ChangeMap.Changes) map.since(base)).bytes());
      double plain = rate(() -> plain(bytes, 100));
      System.out.printf(
          "%-10s %9.1f GB/s %9.1f GB/s %8.1f%n", changed, scan / 1e9, plain / 1e9, scan / plain);
    }
  }

  private static ByteBuffer bytes(double changed) {
    Random random = new Random(1);
    ByteBuffer bytes = ByteBuffer.allocateDirect(BLOCKS);
    for (int block = 0; block < BLOCKS; block++) {
      boolean set = random.nextDouble() < changed;
      bytes.put(block, (byte) (set ? 101 + random.nextInt(100) : random.nextInt(101)));
    }
    return bytes;
  }

  private static long plain(ByteBuffer bytes, int base) {
    long sum = 0;
    for (int block = 0; block < bytes.limit(); block++) {
      if ((bytes.get(block) & 0xff) > base) {
        sum += BLOCK;
      }
    }
    return sum;
  }

  /** Bytes of map a second: the best round, for that is the one least disturbed. */
  private static double rate(Scan scan) {
    double best = 0;
    long result = scan.bytes();
    for (int round = 0; round < ROUNDS; round++) {
      long start = System.nanoTime();
      long end = start;
      long scans = 0;
      for (; end - start < ROUND_NANOS; scans++, end = System.nanoTime()) {
        if (scan.bytes() != result) {
          throw new IllegalStateException("a scan told something else than before");
        }
      }
      best = Math.max(best, scans * (double) BLOCKS * 1e9 / (end - start));
    }
    return best;
  }
}
