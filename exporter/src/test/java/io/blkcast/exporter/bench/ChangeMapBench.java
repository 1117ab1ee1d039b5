package io.blkcast.exporter.bench;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * How fast a change map of 16 MiB is scanned for the extents of an increment, against a plain loop
 * over its bytes. The changed blocks stand alone, evenly spread: the most extents that their number
 * can make.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(1)
public class ChangeMapBench {

  private static final int BLOCKS = 16 << 20;
  private static final int BLOCK_SIZE = 64 << 10;
  private static final int BASE = 7;

  /** Blocks from one changed block to the next; 0 for none. */
  @Param({"0", "1000", "100"})
  public int every;

  private final Position base =
      new Position(new UUID(1, 1), new UUID(1, 1), BASE, OptionalLong.empty());
  private ByteBuffer bytes = ByteBuffer.allocate(0);
  private ChangeMap.@Nullable Changes changes;

  /** Fills the map: blocks that never changed, that changed before the base, and after it. */
  @Setup
  public void fill() {
    bytes = ByteBuffer.allocateDirect(BLOCKS);
    for (int block = 0; block < BLOCKS; block++) {
      boolean changed = every > 0 && block % every == 0;
      bytes.put(block, (byte) (changed ? BASE + 1 : block % BASE));
    }
    Position taken = new Position(base.trackingId(), base.generation(), BASE + 1, base.epoch());
    ChangeMap map =
        new ChangeMap(bytes, new TrackingInfo((long) BLOCKS * BLOCK_SIZE, BLOCK_SIZE, taken), 0, 0);
    changes = (ChangeMap.Changes) map.since(base);
  }

  private ChangeMap.Changes changes() {
    if (changes == null) {
      throw new IllegalStateException("not filled");
    }
    return changes;
  }

  @Benchmark
  public long extents() {
    long sum = 0;
    for (ChangeMap.Cursor cursor = changes().cursor(); cursor.next(); ) {
      sum += cursor.length();
    }
    return sum;
  }

  @Benchmark
  public long plainLoop() {
    long sum = 0;
    for (int block = 0; block < BLOCKS; block++) {
      if (Byte.toUnsignedInt(bytes.get(block)) > BASE) {
        sum += BLOCK_SIZE;
      }
    }
    return sum;
  }

  public static void main(String[] args) throws RunnerException {
    Collection<RunResult> results =
        new Runner(new OptionsBuilder().include(ChangeMapBench.class.getSimpleName()).build())
            .run();
    System.out.println("changed every   extents GB/s   plain loop GB/s   ratio");
    for (String every : new String[] {"0", "1000", "100"}) {
      double ours = micros(results, every, "extents");
      double plain = micros(results, every, "plainLoop");
      System.out.printf(
          "%13s %14.1f %17.1f %7.1f%n",
          every, BLOCKS / ours / 1e3, BLOCKS / plain / 1e3, plain / ours);
    }
  }

  private static double micros(Collection<RunResult> results, String every, String benchmark) {
    return results.stream()
        .filter(r -> r.getParams().getParam("every").equals(every))
        .filter(r -> r.getParams().getBenchmark().endsWith("." + benchmark))
        .mapToDouble(r -> r.getPrimaryResult().getScore())
        .findFirst()
        .orElseThrow();
  }
}
