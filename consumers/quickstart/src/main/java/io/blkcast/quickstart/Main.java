package io.blkcast.quickstart;

import io.blkcast.replicator.ReplicateCommand;
import io.blkcast.replicator.VerifyCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The {@code blkcast} command. */
@Command(
    name = "blkcast",
    description = "Change data capture for block devices.",
    mixinStandardHelpOptions = true,
    subcommands = {QuickstartCommand.class, ReplicateCommand.class, VerifyCommand.class})
public final class Main {

  private Main() {}

  public static void main(String[] args) {
    System.exit(new CommandLine(new Main()).execute(args));
  }
}
