package io.blkcast.exporter.bench;

import io.blkcast.codec.ChunkEncoder;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.ChunkEncoding;
import io.blkcast.schema.DataChunk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DatumWriter;
import org.apache.avro.io.EncoderFactory;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** What the hand-made encoder of chunks gains over Avro's own with everything reused. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class ChunkEncoderBench {

  private static final UUID INCREMENT = UUID.fromString("01890a5d-ac96-774b-bcce-b302099a8057");

  /** Where a source's reads end up: buffers outside the heap, or arrays. */
  @Param({"true", "false"})
  public boolean direct;

  private final ByteBuffer heap = ByteBuffer.allocate(256 << 10);
  private final ByteBuffer offHeap = ByteBuffer.allocateDirect(256 << 10);
  private final ChunkEncoder encoder =
      RecordCodec.singleObject().chunkEncoder("t", "db01-data", INCREMENT);

  @SuppressWarnings("unchecked")
  private final DatumWriter<DataChunk> writer =
      (DatumWriter<DataChunk>)
          new DataChunk().getSpecificData().createDatumWriter(DataChunk.getClassSchema());

  private final ByteArrayOutputStream out = new ByteArrayOutputStream(300 << 10);
  private final BinaryEncoder avro = EncoderFactory.get().binaryEncoder(out, null);
  private long sequence = 1 << 20;

  @Benchmark
  public byte[] handMade() {
    long next = sequence++;
    return encoder.encode(next, next << 18, 256 << 10, 77, ChunkEncoding.RAW, payload());
  }

  @Benchmark
  public byte[] generated() throws IOException {
    long next = sequence++;
    DataChunk chunk =
        new DataChunk(
            "db01-data", INCREMENT, next, next << 18, 256L << 10, 77, ChunkEncoding.RAW, payload());
    out.reset();
    out.writeBytes(new byte[10]);
    writer.write(chunk, EncoderFactory.get().binaryEncoder(out, avro));
    avro.flush();
    return out.toByteArray();
  }

  private ByteBuffer payload() {
    return direct ? offHeap : heap;
  }

  public static void main(String[] args) throws RunnerException {
    Collection<RunResult> results =
        new Runner(new OptionsBuilder().include(ChunkEncoderBench.class.getName()).build()).run();
    for (String direct : new String[] {"true", "false"}) {
      System.out.printf(
          "encode, payload %s the heap: %.2f x the generated encoder's rate%n",
          direct.equals("true") ? "off" : "on",
          micros(results, "generated", direct) / micros(results, "handMade", direct));
    }
  }

  private static double micros(Collection<RunResult> results, String name, String direct) {
    return results.stream()
        .filter(result -> result.getParams().getBenchmark().endsWith("." + name))
        .filter(result -> result.getParams().getParam("direct").equals(direct))
        .findFirst()
        .orElseThrow()
        .getPrimaryResult()
        .getScore();
  }
}
