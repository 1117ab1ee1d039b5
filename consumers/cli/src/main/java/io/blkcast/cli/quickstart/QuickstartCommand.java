package io.blkcast.cli.quickstart;

import io.blkcast.client.FollowerListener;
import io.blkcast.client.IncrementException;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.log.Terminal;
import io.blkcast.schema.IncrementCommitted;
import io.vertx.core.Future;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code blkcast quickstart}. */
@Command(
    name = "quickstart",
    description = {
      "Runs the whole pipeline in this process and proves that it works: an embedded broker, a"
          + " tracked disk served over NBD, the exporter and a replicator.",
      "Puts an ext4 filesystem on the disk, changes files over a few increments, and compares the"
          + " replica with the source's last snapshot. Needs no root."
    },
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:The replica is identical to the snapshot.",
      "1:It is not, or something failed: the message says what.",
      "2:Wrong usage."
    })
public final class QuickstartCommand implements Callable<Integer> {

  private static final Duration INCREMENT = Duration.ofMinutes(10);
  private static final long MIB = 1 << 20;

  @Option(
      names = "--increments",
      defaultValue = "4",
      paramLabel = "N",
      description = "Increments to take, the BASELINE among them; ${DEFAULT-VALUE} by default.")
  private int increments = 4;

  @Option(
      names = "--size",
      defaultValue = "256",
      paramLabel = "MIB",
      description = "Size of the disk in MiB; ${DEFAULT-VALUE} by default.")
  private int sizeMib = 256;

  @Option(
      names = "--disk",
      paramLabel = "FILE",
      description =
          "Raw image of your own instead. The quickstart itself writes nothing to it: it takes a"
              + " BASELINE and compares. With --keep you may write to it over NBD.")
  private @Nullable Path disk;

  @Option(
      names = "--keep",
      description = "Stay, print the addresses, take an increment every few seconds, until Ctrl-C.")
  private boolean keep;

  @Option(names = "--json", description = "Print the result as one JSON object.")
  private boolean json;

  @Spec private @Nullable CommandSpec spec;

  @Override
  public Integer call() throws InterruptedException {
    check();
    try (Scratch scratch = new Scratch()) {
      return run(scratch);
    } catch (IOException | IncrementException e) {
      out(true).println("blkcast quickstart: " + e.getMessage());
      return 1;
    }
  }

  private void check() {
    if (spec == null) {
      throw new IllegalStateException("picocli sets the command");
    }
    if (increments < 1 || increments > 10_000) {
      throw new ParameterException(spec.commandLine(), "--increments must be 1 to 10000");
    }
    if (sizeMib < 64 || sizeMib > 1 << 20) {
      throw new ParameterException(spec.commandLine(), "--size must be 64 to 1048576 MiB");
    }
    if (disk != null && !Files.isRegularFile(disk)) {
      throw new ParameterException(
          spec.commandLine(), "--disk: " + disk + " is no image file; create it first");
    }
  }

  private PrintWriter out(boolean error) {
    if (spec == null) {
      throw new IllegalStateException("picocli sets the command");
    }
    return error ? spec.commandLine().getErr() : spec.commandLine().getOut();
  }

  private int run(Scratch scratch) throws IOException, InterruptedException, IncrementException {
    Path image = disk == null ? scratch.dir().resolve("disk.img") : disk;
    say("starting broker, exporter and replicator");
    QuickstartPipeline pipeline =
        scratch.keep(
            QuickstartPipeline.start(
                scratch.dir(), image, disk == null ? sizeMib * MIB : 0, FollowerListener.NONE));
    Report report = new Report();
    String content = "the image as given";
    boolean ext4 = false;
    if (disk == null) {
      Workload workload = scratch.keep(workload(pipeline, scratch.dir()));
      ext4 = workload instanceof Ext4Workload;
      content = workload.describe();
      say("writing " + content);
      takeAll(pipeline, workload, report);
    } else {
      take(pipeline, report, () -> {});
    }
    Proof proof = Proof.of(pipeline, ext4);
    if (json) {
      report.printJson(out(false), proof, content);
    } else {
      report.printTable(out(false), proof);
    }
    if (keep) {
      new ContinuousRun(pipeline, out(json), Terminal.isAnimated()).run();
    }
    return proof.identical() ? 0 : 1;
  }

  private Workload workload(QuickstartPipeline pipeline, Path dir) throws IOException {
    List<String> missing = Tools.missingPackages(Ext4Workload.PROGRAMS);
    if (!missing.isEmpty()) {
      say(
          "for a real filesystem install %s; using the built-in writer"
              .formatted(String.join(", ", missing)));
    } else if (!Ext4Workload.fuseAvailable()) {
      say("for a real filesystem let this user write to /dev/fuse; using the built-in writer");
    } else {
      return new Ext4Workload(pipeline.nbdUri(), dir.resolve("filesystem"));
    }
    return new BuiltInWorkload(pipeline.nbdUri());
  }

  /** All increments but the last are taken while files change; for the last, all is quiet. */
  private void takeAll(QuickstartPipeline pipeline, Workload workload, Report report)
      throws IOException, InterruptedException, IncrementException {
    workload.prepare();
    for (int round = 1; round < increments; round++) {
      int current = round;
      take(pipeline, report, () -> workload.change(current));
    }
    workload.close();
    take(pipeline, report, () -> {});
  }

  /** Something done while an increment is taken. */
  private interface Meanwhile {
    void run() throws IOException, InterruptedException;
  }

  private void take(QuickstartPipeline pipeline, Report report, Meanwhile meanwhile)
      throws IOException, InterruptedException, IncrementException {
    long started = System.nanoTime();
    Future<Committed> taking = pipeline.increment();
    meanwhile.run();
    IncrementCommitted manifest = QuickstartPipeline.await(taking, INCREMENT).manifest();
    pipeline.awaitApplied(manifest);
    double seconds = (System.nanoTime() - started) / 1e9;
    report.add(manifest, seconds);
    say(
        String.format(
            Locale.ROOT,
            "%s %d: %.1f MiB changed, %.1f MiB published, on the replica after %.1f s",
            manifest.getKind(),
            manifest.getChainLength(),
            manifest.getChangedBytes() / (double) MIB,
            manifest.getPayloadBytes() / (double) MIB,
            seconds));
  }

  private void say(String message) {
    PrintWriter to = out(json);
    to.println(message);
    to.flush();
  }
}
