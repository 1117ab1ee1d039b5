package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.blkcast.nbd.NbdClient;
import io.blkcast.testkit.NeedsTool;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The quickstart as a stranger runs it: a process of its own. */
class QuickstartIT {

  private Path dir;
  private Path temp;

  @BeforeEach
  void makeTemp(@TempDir Path dir) throws IOException {
    this.dir = dir;
    temp = Files.createDirectory(dir.resolve("tmp"));
  }

  private Process start(Path path, String... arguments) throws IOException {
    List<String> command = Rig.command(arguments);
    command.add(1, "-Djava.io.tmpdir=" + temp);
    // As from a terminal: whoever runs the tests in the background ignores Ctrl-C, and so would a
    // child.
    command.addAll(0, List.of("/usr/bin/env", "--default-signal=INT"));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(dir.resolve("out").toFile())
            .redirectError(dir.resolve("err").toFile());
    builder.environment().put("PATH", path + ":" + "/usr/sbin:/sbin");
    builder.environment().put("BLKCAST_LOG_LEVEL", "WARN");
    return builder.start();
  }

  private JsonNode run(Path path, String... arguments) throws Exception {
    Process process = start(path, arguments);
    assertThat(process.waitFor(4, TimeUnit.MINUTES)).as("has ended").isTrue();
    assertThat(process.exitValue()).as("exit status; %s", text("err")).isZero();
    return new ObjectMapper().readTree(text("out"));
  }

  private String text(String name) throws IOException {
    return Files.readString(dir.resolve(name), StandardCharsets.UTF_8);
  }

  private void assertNothingLeft() throws IOException {
    try (Stream<Path> left = Files.list(temp)) {
      assertThat(left.filter(path -> path.toString().contains("blkcast"))).isEmpty();
    }
  }

  @Test
  @NeedsTool({"nbdfuse", "mkfs.ext4", "e2fsck", "fuse2fs", "fusermount3", "/dev/fuse"})
  void realFilesystemIsReplicatedAndProved() throws Exception {
    JsonNode result = run(Path.of("/usr/bin"), "quickstart", "--json", "--size", "96");
    assertThat(result.path("identical").asBoolean()).isTrue();
    assertThat(result.path("increments").asInt()).isEqualTo(4);
    assertThat(result.path("changedBytes").asLong()).isGreaterThan(96L << 20);
    assertThat(result.path("publishedBytes").asLong()).isBetween(16L << 20, 96L << 20);
    assertThat(result.path("seconds").asDouble()).isPositive();
    assertThat(result.path("content").asText()).startsWith("ext4");
    assertThat(result.path("fsck").asText()).isEqualTo("CLEAN");
    assertThat(result.path("chain").asText()).isEqualTo("IDENTICAL");
    assertThat(result.path("sourceDigest").asText())
        .hasSize(64)
        .isEqualTo(result.path("replicaDigest").asText());
    assertNothingLeft();
  }

  @Test
  void withoutToolsItSaysWhatToInstallAndUsesTheBuiltInWriter() throws Exception {
    JsonNode result = run(dir, "quickstart", "--json", "--size", "64", "--increments", "2");
    assertThat(result.path("identical").asBoolean()).isTrue();
    assertThat(result.path("increments").asInt()).isEqualTo(2);
    assertThat(result.path("content").asText()).contains("built-in");
    assertThat(text("err")).contains("install").contains("libnbd-bin");
  }

  @Test
  void imageOfTheUserIsReplicatedAndNotWrittenTo() throws Exception {
    byte[] content = new byte[10 << 20];
    new Random(1).nextBytes(content);
    Path image = Files.write(dir.resolve("mine.img"), content);
    JsonNode result = run(Path.of("/usr/bin"), "quickstart", "--json", "--disk", image.toString());
    assertThat(result.path("identical").asBoolean()).isTrue();
    assertThat(result.path("increments").asInt()).isEqualTo(1);
    assertThat(result.path("changedBytes").asLong()).isEqualTo(content.length);
    assertThat(Files.readAllBytes(image)).isEqualTo(content);
  }

  @Test
  void keptRunningItFollowsAndEndsCleanlyOnCtrlC() throws Exception {
    Process process =
        start(Path.of("/usr/bin"), "quickstart", "--keep", "--size", "64", "--increments", "1");
    try {
      Awaitility.await()
          .atMost(Duration.ofMinutes(3))
          .until(() -> !process.isAlive() || text("out").contains("Running until Ctrl-C"));
      assertThat(text("out"))
          .contains("identical")
          .contains("nbd://127.0.0.1:")
          .contains("http://");
      String uri = text("out").lines().filter(l -> l.contains("nbd://")).findFirst().orElseThrow();
      try (NbdClient client =
          new NbdClient(java.net.URI.create(uri.substring(uri.indexOf("nbd://")).strip()))) {
        client.write(5 << 20, new byte[] {1, 2, 3, 4});
        client.flush();
      }
      Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> text("out").contains("DELTA"));

      String api = text("out").lines().filter(l -> l.contains(" API ")).findFirst().orElseThrow();
      List<String> volume = List.of("--api", api.replace("API", "").strip(), "quickstart");
      command("pause", volume);
      Awaitility.await()
          .atMost(Duration.ofMinutes(1))
          .until(() -> !process.isAlive() || text("out").contains("No increment: "));
      assertThat(text("out")).contains("No increment: quickstart: paused; resume the volume first");
      command("resume", volume);
      command("increment", volume);
      assertThat(process.isAlive()).as("goes on after a pause").isTrue();
    } finally {
      new ProcessBuilder("sh", "-c", "kill -INT " + process.pid()).start().waitFor();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("has ended").isTrue();
    }
    assertNothingLeft();
  }

  @Test
  @NeedsTool({"nbdfuse", "mkfs.ext4", "fuse2fs", "fusermount3", "/dev/fuse"})
  void whatAKilledOneLeftIsRemovedByTheNextAlsoItsMounts() throws Exception {
    Process killed =
        start(Path.of("/usr/bin"), "quickstart", "--size", "64", "--increments", "200");
    try {
      Awaitility.await()
          .atMost(Duration.ofMinutes(3))
          .until(() -> !killed.isAlive() || mountsBelow(temp).size() == 2);
      assertThat(killed.isAlive()).as(text("err")).isTrue();
    } finally {
      // Not waited for: a process that was killed while it wrote to its own mount does not end by
      // itself.
      killed.destroyForcibly();
    }

    JsonNode result =
        run(Path.of("/usr/bin"), "quickstart", "--json", "--size", "64", "--increments", "1");
    assertThat(result.path("identical").asBoolean()).isTrue();
    assertThat(mountsBelow(temp)).isEmpty();
    assertNothingLeft();
  }

  private static void command(String name, List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>(Rig.command(name));
    command.addAll(arguments);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }

  private static List<String> mountsBelow(Path dir) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/mounts")).stream()
        .filter(line -> line.contains(dir.toString()))
        .toList();
  }

  @Test
  void wrongUseIsToldApart() throws Exception {
    Process process =
        start(Path.of("/usr/bin"), "quickstart", "--disk", dir.resolve("none").toString());
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).isEqualTo(2);
    assertThat(text("err")).contains("is no image file");
  }
}
