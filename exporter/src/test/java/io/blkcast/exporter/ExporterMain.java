package io.blkcast.exporter;

import io.blkcast.config.ConfigException;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.file.UnsafePathException;
import java.nio.file.Path;

/** What {@code blkcast run} does, for tests that need an exporter in a process of its own. */
final class ExporterMain {

  private ExporterMain() {}

  /**
   * @param arguments the path of a configuration file
   */
  public static void main(String[] arguments) throws Exception {
    try {
      ExporterProcess.run(ExporterConfig.load(Path.of(arguments[0]), System.getenv()));
    } catch (ConfigException | UnsafePathException e) {
      System.err.println(e.getMessage());
      System.exit(2);
    }
  }
}
