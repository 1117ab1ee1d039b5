package io.blkcast.cli;

import io.blkcast.cli.quickstart.QuickstartCommand;
import picocli.CommandLine;

/** The {@code blkcast} command: the exporter's commands, the replicator's, and the quickstart. */
public final class Main {

  private Main() {}

  public static void main(String[] arguments) {
    CommandLine root =
        ExporterCommands.root()
            .addSubcommand(new QuickstartCommand())
            .addSubcommand(new ReplicateCommand())
            .addSubcommand(new VerifyCommand());
    System.exit(root.execute(arguments));
  }
}
