package io.blkcast.exporter;

import static io.blkcast.exporter.Scene.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.blkcast.exporter.increment.IncrementState;
import io.blkcast.exporter.increment.RequestRefusedException;
import io.blkcast.exporter.increment.VolumeStatus;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.schema.Consistency;
import io.blkcast.schema.IncrementKind;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import io.vertx.core.Future;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** An exporter with a tracked disk and a broker, through what may happen to them. */
class ExporterIT {

  private static final Duration PATIENCE = Duration.ofMinutes(3);

  @RegisterExtension static final NoBlockedLoops NO_BLOCKED_LOOPS = new NoBlockedLoops();

  private static EmbeddedBroker broker;

  @TempDir Path directory;

  @BeforeAll
  static void startBroker() throws Exception {
    broker = EmbeddedBroker.started();
  }

  @AfterAll
  static void stopBroker() {
    broker.close();
  }

  private Scene scene(String volume) {
    return new Scene(directory, broker.bootstrapServers(), volume);
  }

  private Replay replay(Scene scene) {
    return Replay.of(broker.bootstrapServers(), scene.volume);
  }

  @Test
  @NeedsTool("qemu-io")
  void a_baseline_and_deltas_add_up_to_the_image_over_a_restart() throws Exception {
    Scene scene = scene("plain");
    Exporter exporter = scene.start();
    await(exporter.ready());
    scene.write("write -P 0x11 0 1M", "write -P 0x22 33M 3M");
    Committed baseline = await(exporter.increment("plain"));
    scene.write("write -P 0x33 34M 100k", "write -z 0 64k");
    Committed delta = await(exporter.increment("plain"));
    scene.write("write -P 0x44 5M 64k");
    await(exporter.close());
    exporter = scene.start();
    try {
      Committed later = await(exporter.increment("plain"));

      assertThat(baseline.manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
      assertThat(baseline.manifest().getChangedBytes()).isEqualTo(64L << 20);
      assertThat(baseline.manifest().getPayloadBytes()).isEqualTo(4L << 20);
      assertThat(delta.manifest().getKind()).isEqualTo(IncrementKind.DELTA);
      assertThat(delta.manifest().getChangedBytes()).isEqualTo((128 + 64) << 10);
      assertThat(later.manifest().getChangedBytes()).isEqualTo(64 << 10);
      assertThat(later.manifest().getParentIncrementId())
          .isEqualTo(delta.manifest().getIncrementId());
      Replay replay = replay(scene);
      assertThat(replay.committed).hasSize(3);
      assertThat(replay.content).isEqualTo(scene.content());
    } finally {
      await(exporter.close());
    }
  }

  /** Asks for an increment of a slow volume, and comes back in the middle of it. */
  private static void bringUnderWay(ForkedExporter exporter, Scene scene) throws Exception {
    Scene.call("POST", exporter.volume(scene) + "/increments");
    await()
        .atMost(PATIENCE)
        .until(
            () -> Scene.get(exporter.volume(scene) + "/progress").getLong("bytesDone") > (4 << 20));
  }

  @Test
  @NeedsTool("qemu-io")
  void killed_in_the_middle_of_an_increment_it_goes_on_from_the_parent() throws Exception {
    Scene scene = scene("killed").slow();
    try (ForkedExporter victim = ForkedExporter.start(scene)) {
      scene.write("write -P 0x11 0 4M");
      assertThat(Scene.call("POST", victim.volume(scene) + "/increments?wait=true").statusCode())
          .as(victim.output())
          .isEqualTo(200);
      scene.write("write -P 0x22 2M 60M");
      bringUnderWay(victim, scene);
      victim.kill();
    }
    Exporter exporter = scene.start();
    try {
      scene.write("write -P 0x33 8M 1M");
      Committed second = await(exporter.increment("killed"));
      Replay replay = replay(scene);
      assertThat(replay.committed).hasSize(2);
      assertThat(second.manifest().getKind()).isEqualTo(IncrementKind.DELTA);
      assertThat(replay.content).isEqualTo(scene.content());
    } finally {
      await(exporter.close());
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void a_flood_while_an_increment_is_exported_ends_it_in_order_and_the_next_gets_more_room()
      throws Exception {
    Scene scene =
        scene("flood").slow().volumeSetting("differenceStorage: { limit: 4MiB, growTo: 128MiB }");
    Exporter exporter = scene.start();
    try {
      await(exporter.ready());
      scene.write("write -P 0x11 0 60M");
      Future<Committed> increment = exporter.increment("flood");
      await().atMost(PATIENCE).until(() -> exporter.progress("flood").bytesDone() > (2 << 20));
      scene.write("write -P 0x22 20M 40M");
      Committed committed = await(increment);

      assertThat(committed.manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
      String volume = "http://" + exporter.apiAddress() + "/api/v1/volumes/flood";
      List<String> outcomes =
          Scene.get(volume + "/increments").getJsonArray("increments").stream()
              .map(attempt -> ((io.vertx.core.json.JsonObject) attempt).getString("outcome"))
              .toList();
      assertThat(outcomes).contains("ABORTED").startsWith("COMMITTED");
      assertThat(replay(scene).aborted).isNotEmpty();
      assertThat(replay(scene).content).isEqualTo(scene.content());
      Future<Committed> roomier = exporter.resync("flood");
      await()
          .atMost(PATIENCE)
          .until(
              () -> {
                var storage = Scene.get(volume).getJsonObject("differenceStorage");
                return storage != null && storage.getLong("limitBytes") >= (8 << 20);
              });
      await(roomier);
    } finally {
      await(exporter.close());
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void what_was_written_last_is_published_first() throws Exception {
    Scene scene = scene("hot");
    Exporter exporter = scene.start();
    try {
      await(exporter.ready());
      scene.write("write -P 0x11 0 60M");
      await(exporter.increment("hot"));
      scene.write("write -P 0x22 40M 1M", "write -P 0x33 10M 64k");
      await(exporter.resync("hot"));

      Replay replay = replay(scene);
      assertThat(replay.committed.get(1).getKind()).isEqualTo(IncrementKind.BASELINE);
      assertThat(replay.order).startsWith(10L << 20, 40L << 20);
      assertThat(replay.order.get(5)).as("then by offset").isZero();
      assertThat(replay.content).isEqualTo(scene.content());
    } finally {
      await(exporter.close());
    }
  }

  @Test
  void a_group_is_taken_at_one_instant_and_says_no_more_of_it_than_is_known() throws Exception {
    Path log = directory.resolve("hooks.log");
    Scene scene =
        scene("data")
            .volumeSetting("group: db")
            .more("  - { name: log, path: %s/log.img, size: 16MiB, group: db }")
            .more("hooks:")
            .more(
                "  - { group: db, before: \"[ ! -e %s/fail ] && echo before $HOOK_VOLUMES >>%s/hooks.log\","
                    + " after: \"echo after >>%s/hooks.log\" }");
    Exporter exporter = scene.start();
    try {
      await(exporter.ready());
      Committed data = await(exporter.increment("data"));
      await().atMost(PATIENCE).until(() -> exporter.progress("log").committedId().isPresent());
      var log1 = Replay.of(broker.bootstrapServers(), "log").committed.get(0);
      assertThat(data.manifest().getGroupId()).isNotNull().isEqualTo(log1.getGroupId());
      assertThat(data.manifest().getTargetSnapshotId()).isEqualTo(log1.getTargetSnapshotId());
      assertThat(data.manifest().getSnapshotTakenAt()).isEqualTo(log1.getSnapshotTakenAt());
      assertThat(List.of(data.manifest().getConsistency(), log1.getConsistency()))
          .containsOnly(Consistency.APPLICATION);
      assertThat(Files.readAllLines(log)).containsExactly("before data log", "after");

      Files.createFile(directory.resolve("fail"));
      assertThat(await(exporter.increment("data")).manifest().getConsistency())
          .as("the hook has failed")
          .isEqualTo(Consistency.GROUP_CRASH);
      assertThat(Files.readAllLines(log)).containsExactly("before data log", "after", "after");
    } finally {
      await(exporter.close());
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void a_second_exporter_shuts_the_first_out_before_it_can_commit() throws Exception {
    Scene scene = scene("fenced");
    Files.createDirectories(directory.resolve("other"));
    Scene other = new Scene(directory.resolve("other"), broker.bootstrapServers(), "fenced");
    Exporter first = scene.start();
    Exporter second = null;
    try {
      await(first.increment("fenced"));
      second = other.start();
      await(second.ready());
      Future<Committed> late = first.increment("fenced");
      assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> await(late)))
          .isInstanceOf(ExecutionException.class)
          .cause()
          .isInstanceOfSatisfying(
              RequestRefusedException.class,
              e -> assertThat(e.code()).isEqualTo(RequestRefusedException.Code.FENCED));
      assertThat(first.progress("fenced").status()).isEqualTo(VolumeStatus.FENCED);
      other.write("write -P 0x55 1M 1M");
      await(second.increment("fenced"));
      assertThat(replay(scene).content).isEqualTo(other.content());
    } finally {
      await(first.close());
      if (second != null) {
        await(second.close());
      }
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void a_broker_that_restarts_in_the_middle_of_an_increment_costs_an_attempt_at_most()
      throws Exception {
    Scene scene = scene("restart").slow();
    Exporter exporter = scene.start();
    try {
      await(exporter.increment("restart"));
      scene.write("write -P 0x66 0 40M");
      Future<Committed> increment = exporter.increment("restart");
      await().atMost(PATIENCE).until(() -> exporter.progress("restart").bytesDone() > (2 << 20));
      broker.restart();
      Committed committed = await(increment);
      assertThat(committed.manifest().getKind()).isEqualTo(IncrementKind.DELTA);
      assertThat(replay(scene).content).isEqualTo(scene.content());
    } finally {
      await(exporter.close());
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void without_a_broker_the_disk_is_served_and_the_exporter_not_ready() throws Exception {
    try (EmbeddedBroker late = EmbeddedBroker.builder().build()) {
      Scene scene = new Scene(directory, late.bootstrapServers(), "late");
      Exporter exporter = scene.start();
      String ready = "http://" + exporter.managementAddress() + "/readyz";
      try {
        scene.write("write -P 0x77 0 1M");
        assertThat(Scene.call("GET", ready).statusCode()).isEqualTo(503);
        Future<Committed> increment = exporter.increment("late");
        late.start();
        await(increment);
        await().atMost(PATIENCE).until(() -> Scene.call("GET", ready).statusCode() == 200);
        late.stop();
        await().atMost(PATIENCE).until(() -> Scene.call("GET", ready).statusCode() == 503);
        assertThat(Scene.call("GET", ready.replace("readyz", "livez")).statusCode()).isEqualTo(200);
      } finally {
        await(exporter.close());
      }
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void told_to_stop_in_the_middle_it_gives_the_increment_up_in_order() throws Exception {
    Scene scene = scene("stopped").slow();
    try (ForkedExporter exporter = ForkedExporter.start(scene)) {
      scene.write("write -P 0x11 0 60M");
      bringUnderWay(exporter, scene);
      assertThat(exporter.terminate()).as("128 + SIGTERM").isEqualTo(143);
      assertThat(exporter.output()).contains("stopped").doesNotContain("not stopped cleanly");
    }
    Replay replay = replay(scene);
    assertThat(replay.committed).isEmpty();
    assertThat(replay.aborted).hasSize(1);
    assertThat(replay.aborted.get(0).getReason()).isEqualTo("closed");
  }

  @Test
  @NeedsTool("qemu-io")
  void told_to_stop_while_the_brokers_are_away_it_stops_in_order_all_the_same() throws Exception {
    try (EmbeddedBroker gone = EmbeddedBroker.started()) {
      Scene scene = new Scene(directory, gone.bootstrapServers(), "orphan").slow();
      try (ForkedExporter exporter = ForkedExporter.start(scene)) {
        scene.write("write -P 0x11 0 60M");
        bringUnderWay(exporter, scene);
        gone.stop();
        assertThat(exporter.terminate()).as("128 + SIGTERM").isEqualTo(143);
        assertThat(exporter.output()).contains("stopped").doesNotContain("not stopped cleanly");
      }
    }
  }

  @Test
  void paused_it_refuses_and_resumed_it_goes_on() throws Exception {
    Scene scene = scene("paused");
    Exporter first = scene.start();
    Exporter exporter = first;
    try {
      await(exporter.ready());
      await(exporter.pause("paused"));
      assertThat(exporter.progress("paused").status()).isEqualTo(VolumeStatus.PAUSED);
      assertThat(
              org.assertj.core.api.Assertions.catchThrowable(
                  () -> await(first.increment("paused"))))
          .hasMessageContaining("resume the volume first");
      await(exporter.close());
      exporter = scene.start();
      await(exporter.ready());
      assertThat(exporter.progress("paused").status())
          .as("after a restart")
          .isEqualTo(VolumeStatus.PAUSED);
      await(exporter.resume("paused"));
      await(exporter.increment("paused"));
      assertThat(exporter.progress("paused").state()).isEqualTo(IncrementState.IDLE);
    } finally {
      await(exporter.close());
    }
  }

  @Test
  void a_start_that_cannot_be_tells_so_and_lets_go_of_everything() throws Exception {
    Scene scene = scene("start");
    Path socket = Files.writeString(directory.resolve("nbd.sock"), "of someone");
    assertThat(org.assertj.core.api.Assertions.catchThrowable(scene::start))
        .hasMessageContaining("is not a socket");
    Files.delete(socket);
    Exporter exporter = scene.start();
    try {
      Files.createDirectories(directory.resolve("other"));
      Scene other = new Scene(directory.resolve("other"), broker.bootstrapServers(), "other");
      Files.createSymbolicLink(directory.resolve("other/nbd.sock"), socket);
      assertThat(org.assertj.core.api.Assertions.catchThrowable(other::start))
          .hasMessageContaining("served by another process");
    } finally {
      await(exporter.close());
    }
  }
}
