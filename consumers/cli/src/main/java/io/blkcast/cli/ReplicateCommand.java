package io.blkcast.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.blkcast.client.Follower;
import io.blkcast.client.FollowerConfig;
import io.blkcast.client.FollowerListener;
import io.blkcast.client.IncrementException;
import io.blkcast.config.Redactor;
import io.blkcast.log.Printable;
import io.blkcast.log.Terminal;
import io.blkcast.replicator.HealthFile;
import io.blkcast.replicator.Replicator;
import io.blkcast.schema.IncrementCommitted;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code blkcast replicate}. */
@Command(
    name = "replicate",
    description = "Keeps a raw image or block device equal to a volume's snapshots.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:Caught up, with --once.",
      "1:The volume cannot be replicated, or the target was taken away or changed: the message says"
          + " why.",
      "2:Wrong usage.",
      "3:With --once: whether all that is committed was applied cannot be known.",
      "4:With --once: nothing is published of that volume.",
      "130:Stopped by Ctrl-C.",
      "143:Stopped by SIGTERM."
    })
public final class ReplicateCommand implements Callable<Integer> {

  @Mixin private ConnectionOptions connection = new ConnectionOptions();
  @Mixin private TargetOptions target = new TargetOptions();

  @Option(
      names = "--from",
      paramLabel = "latest|earliest",
      defaultValue = "latest",
      description =
          "BASELINE that a new replica begins with: the latest (default) or the earliest retained.")
  private StartAt from = StartAt.latest;

  @Option(names = "--once", description = "Apply what is committed now, then exit.")
  private boolean once;

  @Option(
      names = "--overwrite",
      description = "Take over a target that holds other data; its content is replaced.")
  private boolean overwrite;

  @Option(names = "--json", description = "Print one JSON object for each increment applied.")
  private boolean json;

  @Option(
      names = "--health-file",
      paramLabel = "FILE",
      defaultValue = "${env:BLKCAST_HEALTH_FILE}",
      description =
          "File to write anew, once a second at most, while brokers answer and increments are"
              + " applied: its age tells of the replicator's health.")
  private @Nullable Path healthFile;

  @Spec private @Nullable CommandSpec spec;

  /** Values of {@code --from}. */
  @SuppressWarnings("checkstyle:ConstantName")
  enum StartAt {
    latest,
    earliest
  }

  @Override
  public Integer call() throws InterruptedException {
    if (spec == null) {
      throw new IllegalStateException("picocli sets the command");
    }
    PrintWriter out = spec.commandLine().getOut();
    FollowerConfig config =
        connection.config(
            from == StartAt.latest
                ? FollowerConfig.From.LATEST_BASELINE
                : FollowerConfig.From.EARLIEST_BASELINE,
            "blkcast replicate --target " + target.target(),
            target.stateDirectory());
    FollowerListener report =
        json ? new JsonReport(out) : new TextReport(out, Terminal.isAnimated());
    FollowerListener listener = healthFile == null ? report : new HealthFile(healthFile, report);
    Follower.Until until = once ? Follower.Until.CAUGHT_UP : Follower.Until.CLOSED;
    try (Replicator replicator =
        Replicator.start(config, target.target(), target.state(), overwrite, listener, until)) {
      Thread hook = new Thread(replicator::close, "blkcast-shutdown");
      Runtime.getRuntime().addShutdownHook(hook);
      replicator.await();
      removeHook(hook);
      return 0;
    } catch (IncrementException e) {
      spec.commandLine()
          .getErr()
          .println(
              "blkcast replicate: "
                  + Printable.lines(Redactor.text(String.valueOf(e.getMessage()))));
      return switch (e.code()) {
        case UNDECIDED -> 3;
        case NOTHING -> 4;
        default -> 1;
      };
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // the machine is going down by that very hook
    }
  }

  /** One JSON object a line. */
  private static final class JsonReport implements FollowerListener {
    private static final ObjectMapper JSON = new ObjectMapper();
    private final PrintWriter out;
    private long started = System.nanoTime();

    JsonReport(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void started(IncrementCommitted manifest) {
      started = System.nanoTime();
    }

    @Override
    public void applied(IncrementCommitted manifest) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("event", "applied");
      line.put("volume", manifest.getVolume());
      line.put("incrementId", manifest.getIncrementId().toString());
      line.put("kind", manifest.getKind().toString());
      line.put("chainLength", manifest.getChainLength());
      line.put("changedBytes", manifest.getChangedBytes());
      line.put("payloadBytes", manifest.getPayloadBytes());
      line.put("seconds", (System.nanoTime() - started) / 1e9);
      print(line);
    }

    @Override
    public void refused(IncrementCommitted manifest, IncrementException cause) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("event", "refused");
      line.put("volume", manifest.getVolume());
      line.put("incrementId", manifest.getIncrementId().toString());
      line.put("code", cause.code().toString());
      line.put("message", String.valueOf(cause.getMessage()));
      print(line);
    }

    @Override
    public void resyncRequested(String reason) {
      print(Map.of("event", "resyncRequested", "reason", reason));
    }

    @Override
    public void skipped(String what) {
      print(Map.of("event", "skipped", "message", what));
    }

    @Override
    public void stalled(String cause) {
      print(Map.of("event", "stalled", "message", cause));
    }

    private void print(Map<String, Object> line) {
      try {
        out.println(JSON.writeValueAsString(line));
        out.flush();
      } catch (JsonProcessingException e) {
        throw new IllegalStateException("strings and numbers are JSON", e);
      }
    }
  }
}
