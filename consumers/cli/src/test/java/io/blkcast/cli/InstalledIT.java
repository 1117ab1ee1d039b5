package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
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
    assertEnds(0, "run", "--check", "--config", config.toString());
    assertThat(Files.readString(Path.of("../../docs/server.md")))
        .as("what it tells to install")
        .contains("consumers/cli/target/server/*.jar consumers/cli/target/blkcast-cli-*.jar");
  }

  @Test
  void a_state_directory_that_others_can_write_is_a_wrong_configuration() throws Exception {
    Path config = directory.resolve("exporter.yaml");
    Files.writeString(config, YAML.formatted(directory));
    Path state = Files.createDirectory(directory.resolve("state"));
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThat(assertEnds(2, "run", "--config", config.toString()))
        .contains("cannot start: " + state, "can be written by others");
  }

  /** Runs the installed jars' command; returns its output. */
  private static String assertEnds(int status, String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                "bash",
                "-c",
                "exec \"$0\" -cp \"$1/server/*:$(echo $1/blkcast-cli-*.jar)\""
                    + " io.blkcast.cli.Main \"${@:2}\"",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                Path.of("target").toAbsolutePath().toString()));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isEqualTo(status);
    return output;
  }
}
