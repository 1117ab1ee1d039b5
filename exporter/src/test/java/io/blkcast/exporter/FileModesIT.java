package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who can read and write what the exporter makes, and what it takes from a state directory. */
class FileModesIT {

  private static final int STRANGER = 4711;
  private static EmbeddedBroker broker;

  @TempDir Path directory;

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.started();
  }

  @AfterAll
  static void stop() {
    broker.close();
  }

  private Scene scene(String volume) {
    return new Scene(directory, broker.bootstrapServers(), volume)
        .more("hooks: [{ volume: " + volume + ", before: 'true', after: 'echo %s' }]");
  }

  @ParameterizedTest
  @NeedsTool("qemu-io")
  @ValueSource(strings = {"000", "022"})
  void whatever_the_umask_all_that_is_made_is_for_its_owner_alone(String umask) throws Exception {
    Scene scene = scene("modes" + umask);
    try (ForkedExporter exporter = ForkedExporter.underUmask(scene, umask)) {
      await()
          .atMost(Duration.ofMinutes(2))
          .until(() -> Scene.call("GET", exporter.management + "/readyz").statusCode() == 200);
      scene.write("write -P 1 0 1M");
      assertThat(Scene.call("POST", exporter.volume(scene) + "/increments?wait=true").statusCode())
          .isEqualTo(200);
      // An increment that follows makes some of them anew, so they are there again and again.
      await()
          .atMost(Duration.ofMinutes(1))
          .ignoreExceptions()
          .untilAsserted(
              () ->
                  assertThat(made())
                      .contains("nbd.sock", scene.volume + ".img", "state", "state/lock")
                      .contains("state/" + scene.volume + ".cbt", "state/hooks")
                      .contains("state/hooks/" + scene.volume + ".after.out"));
    }
  }

  /** The names of all that the exporter has made; each is for its owner alone. */
  private List<String> made() throws IOException {
    List<String> names = new ArrayList<>();
    try (Stream<Path> made = Files.walk(directory)) {
      for (Path path : made.skip(1).toList()) {
        String name = directory.relativize(path).toString();
        if (!name.equals("exporter.yaml")) {
          names.add(name);
          assertThat(mode(path)).as(name).endsWith("------");
          assertThat(Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS))
              .as("owner of " + name)
              .isEqualTo(Files.getAttribute(directory, "unix:uid"));
        }
      }
    }
    return names;
  }

  @Test
  void the_mode_of_an_image_that_is_there_is_its_owners_affair() throws Exception {
    Scene scene = scene("given");
    Files.write(scene.image(), new byte[1 << 20]);
    Files.setPosixFilePermissions(scene.image(), PosixFilePermissions.fromString("rw-r--r--"));
    try (ForkedExporter exporter = ForkedExporter.underUmask(scene, "022")) {
      assertThat(mode(scene.image())).isEqualTo("rw-r--r--");
    }
  }

  @Test
  void a_command_in_a_state_directory_that_others_can_write_is_not_run() throws Exception {
    Scene scene = scene("shared");
    Path state = Files.createDirectory(directory.resolve("state"));
    Path ran = plant(state);
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwxrwxrwx"));
    refused(scene, state + " can be written by others", "chmod -R go-rwx");
    assertThat(ran).doesNotExist();
    assertThat(mode(state)).as("left as it was").isEqualTo("rwxrwxrwx");
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwx------"));
    try (ForkedExporter exporter = ForkedExporter.underUmask(scene, "022")) {
      assertThat(ran).as("in a directory of its own it is").exists();
    }
  }

  @Test
  void a_command_in_a_state_directory_of_another_user_is_not_run() throws Exception {
    Scene scene = scene("foreign");
    Path state = Files.createDirectory(directory.resolve("state"));
    Path ran = plant(state);
    give(state);
    refused(scene, state + " belongs to user " + STRANGER, "chown -R");
    assertThat(ran).doesNotExist();
  }

  @Test
  void commands_that_another_user_wrote_or_a_link_leads_to_are_not_run() throws Exception {
    Scene scene = scene("planted");
    Path state = Files.createDirectory(directory.resolve("state"));
    Path ran = plant(state);
    Path hooks = state.resolve("hooks");
    Files.copy(hooks.resolve("db.pending"), directory.resolve("elsewhere"));
    Files.createSymbolicLink(hooks.resolve("link.pending"), directory.resolve("elsewhere"));
    give(hooks.resolve("db.pending"));
    try (ForkedExporter exporter = ForkedExporter.underUmask(scene, "022")) {
      assertThat(exporter.output())
          .contains("db.pending belongs to user " + STRANGER)
          .contains("link.pending is a symbolic link");
      assertThat(ran).doesNotExist();
    }
  }

  @Test
  void output_of_a_hook_does_not_go_where_a_link_leads() throws Exception {
    Scene scene = scene("linked");
    Path hooks = Files.createDirectories(directory.resolve("state/hooks"));
    Path victim = Files.writeString(directory.resolve("victim"), "as it was");
    for (String name : List.of("linked.before.out", "linked.after.out", "linked.pending.new")) {
      Files.createSymbolicLink(hooks.resolve(name), victim);
    }
    try (ForkedExporter exporter = ForkedExporter.underUmask(scene, "022")) {
      await()
          .atMost(Duration.ofMinutes(2))
          .until(() -> Scene.call("GET", exporter.management + "/readyz").statusCode() == 200);
      assertThat(Scene.call("POST", exporter.volume(scene) + "/increments?wait=true").statusCode())
          .isLessThan(300);
      assertThat(hooks.resolve("linked.after.out")).isRegularFile();
      assertThat(victim).hasContent("as it was");
    }
  }

  @Test
  void a_second_exporter_with_another_image_is_kept_off_the_state_directory() throws Exception {
    Scene first = scene("first");
    Scene second = scene("second");
    try (ForkedExporter exporter = ForkedExporter.underUmask(first, "022")) {
      Result refused = run(second);
      assertThat(refused.output())
          .contains(directory.resolve("state") + " is in use by another exporter")
          .contains("process " + exporter.process.pid())
          .contains("Stop that one first");
      assertThat(refused.status()).isEqualTo(1);
      assertThat(second.image()).doesNotExist();
      exporter.kill();
    }
    try (ForkedExporter exporter = ForkedExporter.underUmask(second, "022")) {
      assertThat(exporter.process.isAlive()).as("after kill -9 of the first").isTrue();
    }
  }

  /** A command that an earlier exporter would have left; returns what it makes when it is run. */
  private Path plant(Path state) throws IOException {
    Path ran = directory.resolve("ran");
    String boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    Path hooks = Files.createDirectories(state.resolve("hooks"));
    Files.writeString(hooks.resolve("db.pending"), boot + "\n5000\ntouch " + ran + "\n");
    return ran;
  }

  private void refused(Scene scene, String... says) throws Exception {
    Result result = run(scene);
    assertThat(result.output()).contains(says);
    assertThat(result.status()).as(result.output()).isEqualTo(2);
  }

  private record Result(int status, String output) {}

  private static Result run(Scene scene) throws Exception {
    Process process = ForkedExporter.forkUnderUmask(scene, "022");
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    return new Result(process.exitValue(), output);
  }

  private static void give(Path path) throws IOException {
    if (System.getenv("CI") == null) {
      assumeTrue((int) Files.getAttribute(path, "unix:uid") == 0, "only root gives files away");
    }
    Files.setAttribute(path, "unix:uid", STRANGER);
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(
        Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS));
  }
}
