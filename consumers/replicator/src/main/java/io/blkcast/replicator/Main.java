package io.blkcast.replicator;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The replicator as a program of its own. */
public final class Main {

  private Main() {}

  @Command(
      name = "blkcast",
      mixinStandardHelpOptions = true,
      synopsisSubcommandLabel = "COMMAND",
      description = "Change data capture for block devices: replicas.",
      subcommands = {ReplicateCommand.class, VerifyCommand.class})
  private static final class Root {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Root()).execute(arguments));
  }
}
