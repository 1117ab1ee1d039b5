package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.cli.Main;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code blkcast increment} shows on a terminal, which script(1) makes, and elsewhere. */
class ProgressBarsIT {

  private static final String ERASE_LINE = "\u001b[2K";

  @TempDir Path directory;

  @Test
  @NeedsTool("qemu-io")
  void a_terminal_sees_a_bar_grow_and_a_pipe_sees_only_the_result() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Scene scene = new Scene(directory, broker.bootstrapServers(), "bars").slow();
      try (ForkedExporter exporter = ForkedExporter.start(scene)) {
        scene.write("write -P 0x11 0 60M");
        String command =
            String.join(
                " ",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "increment --api",
                exporter.api,
                scene.volume);

        String shown = run(List.of("script", "-qec", command, "/dev/null"));
        assertThat(shown).contains(ERASE_LINE + "bars  EXPORTING  [");
        assertThat(shown).containsPattern("\\[#+\\.+] +[0-9]+%  [0-9.]+ [KM]iB of 64 ?MiB");
        assertThat(shown).containsPattern("bars  BASELINE [0-9a-f-]{36}  64 ?MiB changed");

        scene.write("write -P 0x22 0 20M");
        String piped = run(List.of("sh", "-c", command));
        assertThat(piped).doesNotContain("\u001b").contains("bars  DELTA ");
      }
    }
  }

  private static String run(List<String> command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
