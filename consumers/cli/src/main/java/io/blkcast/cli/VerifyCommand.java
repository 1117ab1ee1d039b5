package io.blkcast.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.blkcast.client.FollowerConfig;
import io.blkcast.client.IncrementException;
import io.blkcast.client.Position;
import io.blkcast.config.Redactor;
import io.blkcast.log.Printable;
import io.blkcast.replicator.ReplicaVerifier;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code blkcast verify}. */
@Command(
    name = "verify",
    description = {
      "Proves that a replica equals the snapshot of its last increment, without asking the source.",
      "Reads the increments from the last BASELINE on from Kafka and the whole replica."
    },
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:Identical to the latest snapshot that is committed.",
      "1:Different, or Kafka or the replica cannot be read.",
      "2:Wrong usage.",
      "3:Nothing can be said: the chain is not retained any more, the replica is being written, or"
          + " what is committed cannot be seen.",
      "4:Equal to an earlier snapshot: newer increments are committed and not applied."
    })
public final class VerifyCommand implements Callable<Integer> {

  @Mixin private ConnectionOptions connection = new ConnectionOptions();
  @Mixin private TargetOptions target = new TargetOptions();

  @Option(names = "--json", description = "Print the result as one JSON object.")
  private boolean json;

  @Spec private @Nullable CommandSpec spec;

  @Override
  public Integer call() {
    if (spec == null) {
      throw new IllegalStateException("picocli sets the command");
    }
    PrintWriter out = spec.commandLine().getOut();
    Path beside = target.stateDirectory();
    FollowerConfig config =
        connection.config(
            FollowerConfig.From.LATEST_BASELINE,
            "blkcast verify",
            // Who may only read the replica can prove it all the same.
            Files.isWritable(beside) ? beside : Path.of(System.getProperty("java.io.tmpdir")));
    long started = System.nanoTime();
    try {
      ReplicaVerifier.Result result =
          new ReplicaVerifier(config, target.target(), target.state(), bytes -> {}).verify();
      double seconds = (System.nanoTime() - started) / 1e9;
      if (json) {
        printJson(out, result, seconds);
      } else {
        printText(out, result, seconds);
      }
      return switch (result.verdict()) {
        case IDENTICAL -> 0;
        case DIFFERENT -> 1;
        case NOT_PROVABLE -> 3;
        case OLDER -> 4;
      };
    } catch (IncrementException e) {
      spec.commandLine()
          .getErr()
          .println(
              "blkcast verify: " + Printable.lines(Redactor.text(String.valueOf(e.getMessage()))));
      return 1;
    }
  }

  private void printText(PrintWriter out, ReplicaVerifier.Result result, double seconds) {
    String what = target.target() + " ";
    switch (result.verdict()) {
      case IDENTICAL ->
          out.printf(
              Locale.ROOT,
              "%s is identical to the snapshot of increment %s: %d increments, %d bytes compared in"
                  + " %.1f s%n",
              target.target(),
              result.position().map(Position::incrementId).orElseThrow(),
              result.increments(),
              result.comparedBytes(),
              seconds);
      case DIFFERENT ->
          out.printf(
              "%sdiffers, first at byte %d: %s%n",
              what, result.firstDifference().orElse(0), result.reason());
      case OLDER -> out.printf("%sis older than what is committed: %s%n", what, result.reason());
      case NOT_PROVABLE -> out.printf("%scannot be proved: %s%n", what, result.reason());
    }
  }

  private void printJson(PrintWriter out, ReplicaVerifier.Result result, double seconds) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("identical", result.verdict() == ReplicaVerifier.Verdict.IDENTICAL);
    object.put("verdict", result.verdict().toString());
    object.put("volume", connection.volume());
    object.put("target", target.target().toString());
    result
        .position()
        .ifPresent(
            position -> {
              object.put("incrementId", position.incrementId().toString());
              object.put("chainLength", position.chainLength());
              object.put("chainDigest", position.chainDigest());
            });
    object.put("comparedBytes", result.comparedBytes());
    result.firstDifference().ifPresent(offset -> object.put("firstDifference", offset));
    object.put("reason", result.reason());
    object.put("seconds", seconds);
    try {
      out.println(new ObjectMapper().writeValueAsString(object));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("strings and numbers are JSON", e);
    }
  }
}
