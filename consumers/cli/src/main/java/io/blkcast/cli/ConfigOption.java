package io.blkcast.cli;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where the exporter's configuration is. */
final class ConfigOption {

  @Option(
      names = {"-c", "--config"},
      paramLabel = "FILE",
      defaultValue = "${env:BLKCAST_CONFIG:-/etc/blkcast/exporter.yaml}",
      description = "Configuration file. Default: ${DEFAULT-VALUE}")
  Path file = Path.of("/etc/blkcast/exporter.yaml");
}
