package io.blkcast.cli;

import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "resume",
    mixinStandardHelpOptions = true,
    description = {
      "Take increments again, after a pause or a failure that was mended.",
      "Also takes a volume over from another exporter that has fenced this one."
    })
final class ResumeCommand implements Callable<Integer> {

  @Mixin private ApiOptions options = new ApiOptions();
  @Spec private @Nullable CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "VOLUME", description = "Volumes; at least one.")
  private List<String> volumes = List.of();

  @Override
  public Integer call() throws CommandException {
    return options.each(volumes, "/resume", Output.of(spec));
  }
}
