package io.blkcast.cli;

import io.blkcast.config.Redactor;
import io.blkcast.log.Printable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The commands of the exporter, and the root command to hang them and others under. */
public final class ExporterCommands {

  private ExporterCommands() {}

  /** The {@code blkcast} command, without subcommands. */
  @Command(
      name = "blkcast",
      mixinStandardHelpOptions = true,
      versionProvider = Version.class,
      synopsisSubcommandLabel = "COMMAND",
      description = "Change data capture for block devices.",
      exitCodeListHeading = "%nExit status:%n",
      exitCodeList = {
        "0:done",
        "1:it did not work; standard error says why",
        "2:wrong use, or a wrong configuration",
        "3:the exporter's API does not answer"
      })
  static final class Root {}

  /** The root command with the exporter's commands; others may be added to it. */
  public static CommandLine root() {
    CommandLine root = new CommandLine(new Root());
    addTo(root);
    root.setExecutionExceptionHandler(
        (failure, command, parsed) -> {
          command.getErr().println("blkcast: " + Printable.lines(Redactor.text(reason(failure))));
          command.getErr().flush();
          return failure instanceof CommandException known
              ? known.status()
              : CommandException.FAILED;
        });
    return root;
  }

  private static String reason(Exception failure) {
    String message = failure.getMessage();
    return failure instanceof CommandException && message != null ? message : failure.toString();
  }

  /** Adds the exporter's commands to a root command of another's making. */
  public static void addTo(CommandLine root) {
    root.addSubcommand(new RunCommand());
    root.addSubcommand(new VolumesCommand());
    root.addSubcommand(new StatusCommand());
    root.addSubcommand(new IncrementCommand());
    root.addSubcommand(new ResyncCommand());
    root.addSubcommand(new PauseCommand());
    root.addSubcommand(new ResumeCommand());
    root.addSubcommand(new AclsCommand());
    root.addSubcommand(new DoctorCommand());
  }

  /** The version of the jar that this was read from. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = ExporterCommands.class.getPackage().getImplementationVersion();
      return new String[] {"blkcast " + (version == null ? "(not from a jar)" : version)};
    }
  }
}
