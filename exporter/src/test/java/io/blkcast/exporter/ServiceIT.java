package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The exporter as a service of systemd: what it tells, and the unit. */
class ServiceIT {

  private static final Duration PATIENCE = Duration.ofMinutes(3);

  @TempDir Path directory;

  @Test
  @NeedsTool("qemu-io")
  void ready_is_told_when_disks_are_served_and_then_signs_of_life_and_the_end() throws Exception {
    String name = directory.resolve("notify").toString();
    try (NotifySocket notify = new NotifySocket(name);
        EmbeddedBroker late = EmbeddedBroker.builder().build()) {
      Scene scene = new Scene(directory, late.bootstrapServers(), "service");
      try (ForkedExporter exporter =
          ForkedExporter.start(scene, Map.of("NOTIFY_SOCKET", name, "WATCHDOG_USEC", "1000000"))) {
        await().atMost(PATIENCE).until(() -> notify.told("READY=1"));
        await().atMost(PATIENCE).until(() -> notify.told("WATCHDOG=1"));
        scene.write("write -P 0x11 0 64k");
        assertThat(notify.told("STATUS=1 volumes are tracked")).as("without a broker").isFalse();
        late.start();
        await().atMost(PATIENCE).until(() -> notify.told("STATUS=1 volumes are tracked"));
        await()
            .atMost(PATIENCE)
            .until(() -> Scene.call("GET", exporter.management + "/readyz").statusCode() == 200);
        assertThat(notify.told("STOPPING=1")).isFalse();
        assertThat(exporter.terminate()).isEqualTo(143);
        assertThat(notify.told("STOPPING=1")).isTrue();
      }
    }
  }

  @Test
  void abstract_sockets_and_other_processes_watchdogs_are_told_apart() throws Exception {
    String name = "@blkcast-" + UUID.randomUUID();
    try (NotifySocket notify = new NotifySocket(name);
        EmbeddedBroker broker = EmbeddedBroker.started()) {
      Scene scene = new Scene(directory, broker.bootstrapServers(), "abstract");
      try (ForkedExporter exporter =
          ForkedExporter.start(
              scene,
              Map.of("NOTIFY_SOCKET", name, "WATCHDOG_USEC", "200000", "WATCHDOG_PID", "1"))) {
        await().atMost(PATIENCE).until(() -> notify.told("READY=1"));
        assertThat(exporter.terminate()).isEqualTo(143);
        assertThat(notify.told("WATCHDOG=1")).as("that of process 1").isFalse();
      }
    }
  }

  @Test
  @NeedsTool("systemd-analyze")
  void the_unit_is_accepted_by_systemd() throws Exception {
    Path copy = unit();
    Process verify =
        new ProcessBuilder("systemd-analyze", "verify", copy.toString())
            .redirectErrorStream(true)
            .start();
    String output =
        new String(verify.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertThat(verify.waitFor()).as(output).isZero();
    assertThat(output.lines().filter(line -> line.contains("blkcast")))
        .as("warnings about this unit; others may have their own")
        .isEmpty();

    Files.writeString(copy, Files.readString(copy).replace("KillMode=process", "KillMod=process"));
    Process wrong =
        new ProcessBuilder("systemd-analyze", "verify", copy.toString())
            .redirectErrorStream(true)
            .start();
    assertThat(new String(wrong.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
        .as("the check sees a fault")
        .contains("KillMod");
  }

  @Test
  @NeedsTool("systemd-analyze")
  void the_unit_gives_the_exporter_little() throws Exception {
    Path copy = unit();
    assertThat(exposed(copy)).as("exposure by systemd's measure").isZero();
    assertThat(Files.readAllLines(copy))
        .contains(
            "ProtectSystem=strict",
            "PrivateTmp=yes",
            "ProtectProc=invisible",
            "SystemCallFilter=@system-service",
            "NoNewPrivileges=yes",
            "CapabilityBoundingSet=CAP_SYS_ADMIN",
            "UMask=0077",
            "StateDirectoryMode=0700");
    Files.writeString(copy, Files.readString(copy).replaceAll("(?m)^(Cap|System|Protect).*", ""));
    assertThat(exposed(copy)).as("the measure sees what is missing").isNotZero();
  }

  private static int exposed(Path unit) throws Exception {
    return new ProcessBuilder(
            "systemd-analyze",
            "security",
            "--offline=true",
            "--threshold=27",
            "--no-pager",
            unit.toString())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .waitFor();
  }

  /** The unit names a path of Debian's java; where these tests run it may be elsewhere. */
  private Path unit() throws Exception {
    Path unit = Path.of("src/main/systemd/blkcast-exporter.service").toAbsolutePath();
    Path copy = directory.resolve("blkcast-exporter.service");
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Files.writeString(copy, Files.readString(unit).replace("/usr/bin/java", java));
    return copy;
  }
}
