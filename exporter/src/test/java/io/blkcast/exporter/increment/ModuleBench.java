package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.publish.VolumePublisher.Deciding;
import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.exporter.source.TrackingInfo.Position;
import io.blkcast.exporter.source.blksnap.BlksnapDifferenceStorage;
import io.blkcast.exporter.source.blksnap.BlksnapSource;
import io.blkcast.schema.BlockMetadata;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an export costs on the kernel module, the broker left out: the exporter's own reading and
 * releasing, into nothing. For a machine with the module; {@code make -C kmod e2e-bench} runs it in
 * a VM. Prints ratios.
 *
 * <pre>
 * ModuleBench read DEVICE      rate against dd iflag=direct of the same image, turn by turn
 * ModuleBench release DEVICE   bytes copied aside under random writes, with release and without
 * ModuleBench sparse DEVICE    an increment of 0.1 % of the device
 * </pre>
 */
public final class ModuleBench {

  private static final String VOLUME = "bench";
  private static final int CHUNK = 256 << 10;
  private static final int READERS = 4;
  private static final long IN_FLIGHT = 16L << 20;
  private static final int ROUNDS = 9;
  private static final int PAGE = 4096;

  /** Writes during the export, as a share of the device's pages. */
  private static final double[] WRITTEN = {0.125, 0.25, 0.5, 1.0};

  private final String device;
  private final BlksnapSource source;
  private final BlockingPools pools = new BlockingPools(1, READERS, new SimpleMeterRegistry());
  private final BufferPool buffers = new BufferPool(2 * IN_FLIGHT);
  private final Loop loop;

  private ModuleBench(Vertx vertx, String device) throws Exception {
    this.device = device;
    source =
        new BlksnapSource(
            Map.of(
                VOLUME,
                new BlksnapSource.Volume(
                    device,
                    0,
                    new BlksnapDifferenceStorage(
                        Optional.of("/dev/shm"),
                        OptionalLong.of(512L << 20),
                        OptionalLong.empty()))),
            Files.createTempDirectory("module-bench"));
    Context context = vertx.getOrCreateContext();
    loop = new VertxLoop(vertx, context, pools);
    source.track(VOLUME);
  }

  public static void main(String[] args) throws Exception {
    Vertx vertx = Vertx.vertx();
    ModuleBench bench = new ModuleBench(vertx, args[1]);
    switch (args[0]) {
      case "read" -> bench.read();
      case "release" -> bench.release();
      case "sparse" -> bench.sparse();
      default -> throw new IllegalArgumentException("read, release or sparse, not " + args[0]);
    }
    bench.source.untrack(VOLUME);
    bench.source.close();
    bench.pools.close();
    vertx.close();
  }

  private void read() throws Exception {
    try (Snapshot snapshot = source.take(List.of(VOLUME))) {
      Image image = snapshot.images().get(0);
      String path = run("blksnapctl", "image", device).trim();
      double bytes = image.info().capacityBytes();
      for (int round = 0; round < ROUNDS; round++) { // until the JVM has compiled what counts
        export(image, () -> ExtentCursor.whole((long) bytes), false, n -> {});
      }
      double[] ratios = new double[ROUNDS];
      for (int round = 0; round < ROUNDS; round++) {
        long begin = System.nanoTime();
        run("dd", "if=" + path, "of=/dev/null", "bs=1M", "iflag=direct");
        double dd = (System.nanoTime() - begin) / 1e9;
        begin = System.nanoTime();
        export(image, () -> ExtentCursor.whole((long) bytes), false, n -> {});
        double ours = (System.nanoTime() - begin) / 1e9;
        ratios[round] = dd / ours;
        print(
            "read: dd %.1f MiB/s, export %.1f MiB/s",
            bytes / (1 << 20) / dd, bytes / (1 << 20) / ours);
      }
      java.util.Arrays.sort(ratios);
      print("read: export / dd, median of %d: %.2f", ROUNDS, ratios[ROUNDS / 2]);
    }
  }

  private void release() throws Exception {
    for (double share : WRITTEN) {
      long on = copied(share, true);
      long off = copied(share, false);
      print(
          "release: %.3f of the pages written during the export: %d KiB copied with, %d KiB without, ratio %.2f",
          share, on >> 10, off >> 10, on / (double) off);
    }
  }

  /**
   * Bytes copied while everything is exported and pages anywhere are overwritten at an even pace.
   */
  private long copied(double share, boolean release) throws Exception {
    try (Snapshot snapshot = source.take(List.of(VOLUME));
        FileChannel writer =
            FileChannel.open(
                Path.of(device),
                StandardOpenOption.WRITE,
                com.sun.nio.file.ExtendedOpenOption.DIRECT)) {
      Image image = snapshot.images().get(0);
      long capacity = image.info().capacityBytes();
      Random random = new Random(1);
      ByteBuffer page = ByteBuffer.allocateDirect(2 * PAGE).alignedSlice(PAGE).limit(PAGE);
      double[] due = {0};
      export(
          image,
          () -> ExtentCursor.whole(capacity),
          release,
          bytes -> {
            for (due[0] += share * bytes / PAGE; due[0] >= 1; due[0]--) {
              page.clear().limit(PAGE).putLong(0, random.nextLong());
              writer.write(page, random.nextInt((int) (capacity / PAGE)) * (long) PAGE);
            }
          });
      Matcher copied =
          Pattern.compile("\"copied_bytes\": *(\\d+)")
              .matcher(run("blksnapctl", "--json", "stat", device));
      if (!copied.find()) {
        throw new IOException("blksnapctl stat does not tell copied_bytes");
      }
      return Long.parseLong(copied.group(1));
    }
  }

  private void sparse() throws Exception {
    Position base;
    int block;
    long capacity;
    try (Snapshot snapshot = source.take(List.of(VOLUME))) {
      base = snapshot.images().get(0).info().position();
      block = snapshot.images().get(0).info().blockSize();
      capacity = snapshot.images().get(0).info().capacityBytes();
    }
    long blocks = capacity / block;
    long changed = blocks / 1000;
    ByteBuffer page = ByteBuffer.allocateDirect(2 * PAGE).alignedSlice(PAGE).limit(PAGE);
    try (FileChannel writer =
        FileChannel.open(
            Path.of(device),
            StandardOpenOption.WRITE,
            com.sun.nio.file.ExtendedOpenOption.DIRECT)) {
      for (long i = 0; i < changed; i++) {
        writer.write(page.clear().limit(PAGE), i * 1000 * block);
      }
    }
    long begin = System.nanoTime();
    try (Snapshot snapshot = source.take(List.of(VOLUME))) {
      long taken = System.nanoTime();
      Image image = snapshot.images().get(0);
      ChangeMap.Changes changes = (ChangeMap.Changes) image.changeMap().since(base);
      long mapped = System.nanoTime();
      export(image, () -> ExtentCursor.of(changes), true, n -> {});
      long done = System.nanoTime();
      print(
          "sparse: %d GiB in tracking blocks of %d KiB, %d of them changed (%d MiB):"
              + " take %.2f s, map %.2f s, export %.2f s",
          capacity >> 30,
          block >> 10,
          changes.bytes() / block,
          changes.bytes() >> 20,
          (taken - begin) / 1e9,
          (mapped - taken) / 1e9,
          (done - mapped) / 1e9);
    }
  }

  private interface Cursors {
    ExtentCursor get();
  }

  /** Told of bytes that have been acknowledged, in the thread that sends. */
  private interface Acknowledged {
    void bytes(long bytes) throws IOException;
  }

  /** As {@link IncrementRun} does it, with a Kafka that acknowledges at once. */
  private void export(Image image, Cursors cursors, boolean release, Acknowledged acknowledged)
      throws Exception {
    CompletableFuture<Void> done = new CompletableFuture<>();
    loop.execute(() -> start(image, cursors, release, acknowledged, done));
    done.get(10, TimeUnit.MINUTES);
  }

  private void start(
      Image image,
      Cursors cursors,
      boolean release,
      Acknowledged acknowledged,
      CompletableFuture<Void> done) {
    Pipeline[] pipeline = new Pipeline[1];
    Releaser releaser = new Releaser(loop, image, 4L * CHUNK, () -> pipeline[0].pump());
    if (release) {
      releaser.start(ExtentCursor.complement(cursors.get(), image.info().capacityBytes()));
    }
    pipeline[0] =
        new Pipeline(
            loop,
            image,
            new Planner(cursors.get(), ExportOrder.ascending(cursors::get), image, CHUNK),
            new Nowhere(acknowledged),
            new InFlightBudget(IN_FLIGHT),
            buffers,
            new Pipeline.Listener() {
              @Override
              public void acknowledged(long offset, long length, int payload) {
                if (release) {
                  releaser.acknowledged(offset, length);
                }
              }

              @Override
              public boolean busy() {
                return releaser.isFull();
              }
            },
            CHUNK,
            IN_FLIGHT,
            READERS);
    pipeline[0]
        .run()
        .eventually(releaser::stop)
        .onSuccess(done::complete)
        .onFailure(done::completeExceptionally);
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", command) + ": " + output);
    }
    return output;
  }

  private static void print(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }

  /** Acknowledges everything at once. */
  private record Nowhere(Acknowledged acknowledged) implements Attempt {

    @Override
    public CompletionStage<Void> extents(List<BlockMetadata> batch) {
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public void ahead(boolean ahead) {}

    @Override
    public CompletionStage<Integer> chunk(long offset, ByteBuffer plain) {
      return zero(offset, plain.remaining());
    }

    @Override
    public CompletionStage<Integer> zero(long offset, long length) {
      try {
        acknowledged.bytes(length);
      } catch (IOException e) {
        return CompletableFuture.failedFuture(e);
      }
      return CompletableFuture.completedFuture(0);
    }

    @Override
    public Committed commit(Deciding deciding) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void abort(String reason, String message) {}
  }
}
