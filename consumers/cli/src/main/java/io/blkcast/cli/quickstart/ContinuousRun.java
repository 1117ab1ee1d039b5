package io.blkcast.cli.quickstart;

import io.blkcast.client.IncrementException;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.log.Printable;
import io.blkcast.schema.IncrementCommitted;
import io.vertx.core.Future;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** The quickstart left running: an increment every few seconds, and how far it is. */
final class ContinuousRun {

  private static final Duration EVERY = Duration.ofSeconds(5);
  private static final Duration REDRAW = Duration.ofMillis(200);
  private static final double MIB = 1 << 20;

  private final QuickstartPipeline pipeline;
  private final PrintWriter out;
  private final boolean terminal;
  private String lastFailure = "";

  ContinuousRun(QuickstartPipeline pipeline, PrintWriter out, boolean terminal) {
    this.pipeline = pipeline;
    this.out = out;
    this.terminal = terminal;
  }

  /** Goes on until the process ends. */
  void run() throws IOException, InterruptedException, IncrementException {
    out.printf(
        """

        Running until Ctrl-C. Write to the disk over NBD and the replica follows.
          NBD      %s
          broker   %s
          API      http://%s:%d
          health   http://%s:%d
          replica  %s
        """,
        pipeline.nbdUri(),
        pipeline.bootstrapServers(),
        pipeline.exporter().apiAddress().host(),
        pipeline.exporter().apiAddress().port(),
        pipeline.exporter().managementAddress().host(),
        pipeline.exporter().managementAddress().port(),
        pipeline.replica().toAbsolutePath());
    out.flush();
    while (true) {
      TimeUnit.MILLISECONDS.sleep(EVERY.toMillis());
      increment();
    }
  }

  private void increment() throws IOException, InterruptedException, IncrementException {
    long started = System.nanoTime();
    Future<Committed> taking = pipeline.increment();
    while (!taking.isComplete()) {
      draw();
      TimeUnit.MILLISECONDS.sleep(REDRAW.toMillis());
    }
    if (taking.failed()) {
      report(String.valueOf(taking.cause().getMessage()));
      return;
    }
    lastFailure = "";
    IncrementCommitted manifest =
        QuickstartPipeline.await(taking, Duration.ofSeconds(1)).manifest();
    pipeline.awaitApplied(manifest);
    if (manifest.getChangedBytes() > 0) {
      out.printf(
          Locale.ROOT,
          "%s%s %d: %.1f MiB changed, %.1f MiB published, on the replica after %.1f s%n",
          terminal ? "\r" : "",
          manifest.getKind(),
          manifest.getChainLength(),
          manifest.getChangedBytes() / MIB,
          manifest.getPayloadBytes() / MIB,
          (System.nanoTime() - started) / 1e9);
      out.flush();
    }
  }

  /** The next increment may well come about: someone paused the volume, or a disk was busy. */
  private void report(String failure) {
    if (!failure.equals(lastFailure)) {
      out.printf("%sNo increment: %s%n", terminal ? "\r" : "", Printable.text(failure));
      out.flush();
    }
    lastFailure = failure;
  }

  private void draw() {
    if (terminal) {
      out.printf("\r%s", pipeline.exporter().progress(QuickstartPipeline.VOLUME));
      out.flush();
    }
  }
}
