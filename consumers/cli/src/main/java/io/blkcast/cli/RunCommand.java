package io.blkcast.cli;

import io.blkcast.config.ConfigException;
import io.blkcast.exporter.ExporterProcess;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.file.UnsafePathException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = "Run the exporter until it is told to stop (SIGTERM, Ctrl-C).",
    footer = {
      "",
      "Every key of the file can be set by an environment variable as well, which wins:",
      "BLKCAST_HTTP_LISTEN for http.listen, BLKCAST_VOLUMES_0_PATH for the first volume's path,",
      "BLKCAST_KAFKA_BOOTSTRAP_SERVERS for kafka's bootstrap.servers."
    })
final class RunCommand implements Callable<Integer> {

  @Mixin private ConfigOption config = new ConfigOption();

  @Option(
      names = "--check",
      description = "Only check the configuration, print it without secrets, and exit.")
  private boolean check;

  @Override
  public Integer call() throws Exception {
    ExporterConfig read = read();
    if (check) {
      System.out.println(read);
      return CommandException.OK;
    }
    try {
      ExporterProcess.run(read);
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      throw new CommandException(
          e instanceof UnsafePathException ? CommandException.USAGE : CommandException.FAILED,
          "cannot start: " + (e.getMessage() == null ? e : e.getMessage()));
    }
    return CommandException.OK;
  }

  private ExporterConfig read() throws CommandException {
    try {
      return ExporterConfig.load(config.file, System.getenv());
    } catch (ConfigException e) {
      throw new CommandException(
          CommandException.USAGE, "the configuration is wrong:\n" + e.getMessage());
    }
  }
}
