package io.blkcast.quickstart;

import io.blkcast.exporter.cli.ExporterCommands;
import io.blkcast.replicator.ReplicateCommand;
import io.blkcast.replicator.VerifyCommand;
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
