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
    name = "increment",
    mixinStandardHelpOptions = true,
    description = "Take an increment now, and wait until it is committed.")
final class IncrementCommand implements Callable<Integer> {

  @Mixin private TakeOptions options = new TakeOptions();
  @Spec private @Nullable CommandSpec spec;

  @Parameters(arity = "0..*", paramLabel = "VOLUME", description = "Volumes; all if none is given.")
  private List<String> volumes = List.of();

  @Override
  public Integer call() throws CommandException {
    return options.take(volumes, "/increments", Output.of(spec));
  }
}
