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
    name = "resync",
    mixinStandardHelpOptions = true,
    description = "Publish whole volumes anew, as BASELINEs, and wait until they are committed.")
final class ResyncCommand implements Callable<Integer> {

  @Mixin private TakeOptions options = new TakeOptions();
  @Spec private @Nullable CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "VOLUME", description = "Volumes; at least one.")
  private List<String> volumes = List.of();

  @Override
  public Integer call() throws CommandException {
    return options.take(volumes, "/resync", Output.of(spec));
  }
}
