package io.blkcast.cli;

import io.blkcast.log.Printable;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "volumes",
    mixinStandardHelpOptions = true,
    description = "List the exporter's volumes.")
final class VolumesCommand implements Callable<Integer> {

  @Mixin private ApiOptions options = new ApiOptions();
  @Spec private @Nullable CommandSpec spec;

  @Override
  public Integer call() throws CommandException {
    JsonObject volumes = options.client().get("");
    PrintWriter out = Output.of(spec);
    if (options.json) {
      out.println(Printable.lines(volumes.encodePrettily()));
    } else {
      List<List<String>> rows = new ArrayList<>();
      rows.add(List.of("VOLUME", "STATUS", "STATE", "LAST COMMITTED", "LAST ERROR"));
      for (Object each : volumes.getJsonArray("volumes")) {
        JsonObject volume = (JsonObject) each;
        JsonObject progress = volume.getJsonObject("progress");
        JsonObject error = progress.getJsonObject("lastError");
        rows.add(
            List.of(
                volume.getString("name"),
                progress.getString("status"),
                progress.getString("state"),
                progress.getString("committedAt", "never"),
                error == null ? "" : error.getString("code")));
      }
      out.print(Text.table(rows));
    }
    out.flush();
    return CommandException.OK;
  }
}
