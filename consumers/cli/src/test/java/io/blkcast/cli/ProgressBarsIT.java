package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.Exporter;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
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
      String slow =
          """
          kafka: {bootstrap.servers: "%s", producer: {linger.ms: 100, batch.size: 8388608}}
          limits: {inFlightPerVolume: 1MiB, inFlight: 1MiB}
          """
              .formatted(broker.bootstrapServers());
      try (Scene scene = new Scene(directory, slow, ", size: 64MiB")) {
        Exporter exporter = scene.startReady();
        write(scene, 60);
        String command =
            String.join(
                " ",
                Rig.command("increment", "--api", "http://" + exporter.apiAddress(), Scene.VOLUME));

        String shown = run(List.of("script", "-qec", command, "/dev/null"));
        assertThat(shown).contains(ERASE_LINE + "vol  EXPORTING  [");
        assertThat(shown).containsPattern("\\[#+\\.+] +[0-9]+%  [0-9.]+ [KM]iB of 64 ?MiB");
        assertThat(shown).containsPattern("vol  BASELINE [0-9a-f-]{36}  64 ?MiB changed");

        write(scene, 20);
        String piped = run(List.of("sh", "-c", command));
        assertThat(piped).doesNotContain("\u001b").contains("vol  DELTA ");

        String plain = run(List.of("script", "-qec", "NO_COLOR=1 " + command, "/dev/null"));
        assertThat(plain).doesNotContain("\u001b").contains("vol  DELTA ");
      }
    }
  }

  private static void write(Scene scene, int mebibytes) throws Exception {
    byte[] mebibyte = new byte[1 << 20];
    Random random = new Random(mebibytes);
    for (int i = 0; i < mebibytes; i++) {
      random.nextBytes(mebibyte);
      scene.write((long) i << 20, mebibyte);
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
