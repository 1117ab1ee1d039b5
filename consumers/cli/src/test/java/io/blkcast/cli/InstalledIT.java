package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jars that docs/server.md installs. */
class InstalledIT {

  private static final String YAML =
      """
      kafka: {bootstrap.servers: "localhost:1"}
      state: '%1$s/state'
      volumes:
        - {name: disk, source: disk, path: '%1$s/disk.img', size: 1MiB}
      """;

  @TempDir Path directory;

  @Test
  void what_is_installed_is_enough_and_no_broker() throws Exception {
    Path target = Path.of("target").toAbsolutePath();
    List<String> jars;
    try (Stream<Path> files = Files.list(target.resolve("server"))) {
      jars = files.map(file -> file.getFileName().toString()).toList();
    }
    assertThat(jars).anyMatch(jar -> jar.startsWith("kafka-clients-"));
    assertThat(jars)
        .noneMatch(
            jar ->
                jar.matches(
                    "(kafka(_|-(?!clients-)).*|scala-.*|commons-collections-.*|blkcast-testkit.*"
                        + "|junit-.*|jmh-.*)"));
    Path config = directory.resolve("exporter.yaml");
    Files.writeString(config, YAML.formatted(directory));
    Process check =
        new ProcessBuilder(
                "sh",
                "-c",
                "exec \"$0\" -cp \"$1/server/*:$(echo $1/blkcast-cli-*.jar)\""
                    + " io.blkcast.cli.Main run --check --config \"$2\"",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                target.toString(),
                config.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(check.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(check.waitFor()).as(output).isZero();
    assertThat(Files.readString(Path.of("../../docs/server.md")))
        .as("what it tells to install")
        .contains("consumers/cli/target/server/*.jar consumers/cli/target/blkcast-cli-*.jar");
  }
}
