package io.blkcast.cli;

import io.blkcast.log.Printable;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "status",
    mixinStandardHelpOptions = true,
    description = "Show what volumes are doing, or follow one of them.")
final class StatusCommand implements Callable<Integer> {

  @Mixin private ApiOptions options = new ApiOptions();
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = {"-f", "--follow"},
      description = "Show every change of one volume, until Ctrl-C.")
  private boolean follow;

  @Parameters(arity = "0..*", paramLabel = "VOLUME", description = "Volumes; all if none is given.")
  private List<String> volumes = List.of();

  @Override
  public Integer call() throws CommandException {
    ApiClient client = options.client();
    PrintWriter out = Output.of(spec);
    if (follow) {
      if (volumes.size() != 1) {
        throw new CommandException(CommandException.USAGE, "--follow needs one volume, by name");
      }
      client.follow(
          ApiClient.path(volumes.get(0)) + "/progress/stream",
          progress -> {
            out.println(
                options.json ? Printable.text(progress.encode()) : Progresses.line(progress));
            out.flush();
          });
      return CommandException.OK;
    }
    JsonArray all = new JsonArray();
    for (String volume : client.volumes(volumes)) {
      JsonObject found = client.get(ApiClient.path(volume));
      all.add(found);
      if (!options.json) {
        out.print(Progresses.page(found));
      }
    }
    if (options.json) {
      out.println(Printable.lines(new JsonObject().put("volumes", all).encodePrettily()));
    }
    out.flush();
    return CommandException.OK;
  }
}
