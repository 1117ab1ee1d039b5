package io.blkcast.exporter.hook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.blkcast.exporter.increment.Quiescer.Hold;
import io.blkcast.exporter.increment.Quiescer.Level;
import io.blkcast.exporter.source.SourceException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real commands: a "frozen" file appears before the snapshot, and has to be gone whatever dies. */
class HooksIT {

  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final Duration LONG = Duration.ofMinutes(5);

  @TempDir Path directory;

  private Path frozen;
  private Path log;
  private Path state;

  @BeforeEach
  void paths() {
    frozen = directory.resolve("frozen");
    log = directory.resolve("log");
    state = directory.resolve("state");
  }

  private String freeze() {
    return "echo before $HOOK_NAME $HOOK_VOLUMES >>" + log + "; touch " + frozen;
  }

  private String thaw() {
    return "rm -f " + frozen + "; echo after >>" + log;
  }

  private HookSettings settings(String before, String after, Duration timeout, Duration limit) {
    return new HookSettings("db", before, after, timeout, limit, Level.APPLICATION, true, state);
  }

  private List<String> log() throws IOException {
    return Files.exists(log) ? Files.readAllLines(log) : List.of();
  }

  @Test
  void what_is_quiet_over_the_take_goes_on_after_it() throws Exception {
    Hold hold =
        new Hooks(settings(freeze(), thaw(), LONG, LONG)).quiesce(List.of("first", "second"));
    assertThat(frozen).exists();
    assertThat(state.resolve("db.pending")).exists();
    assertThat(log()).containsExactly("before db first second");
    assertThat(hold.release()).isEqualTo(Level.APPLICATION);
    assertThat(frozen).doesNotExist();
    assertThat(log()).containsExactly("before db first second", "after");
    assertThat(state.resolve("db.pending")).as("nothing is left to do").doesNotExist();
  }

  @Test
  void a_take_beyond_the_limit_finds_everything_thawed_and_claims_nothing() throws Exception {
    Hold hold =
        new Hooks(settings(freeze(), thaw(), Duration.ofSeconds(30), Duration.ofSeconds(5)))
            .quiesce(List.of("a"));
    await().atMost(PATIENCE).until(() -> !Files.exists(frozen));
    assertThat(hold.release()).isEqualTo(Level.NONE);
    assertThat(log())
        .as("at the limit, and once more in case something was frozen after it")
        .containsExactly("before db a", "after", "after");
  }

  @Test
  void where_freezing_fails_or_hangs_it_is_undone_and_no_snapshot_taken() throws Exception {
    assertThatThrownBy(
            () ->
                new Hooks(settings(freeze() + "; echo cannot; exit 3", thaw(), LONG, LONG))
                    .quiesce(List.of("a")))
        .isInstanceOf(SourceException.class)
        .hasMessageContaining("status 3: cannot")
        .hasMessageContaining("required: false");
    assertThat(frozen).doesNotExist();
    assertThatThrownBy(
            () ->
                new Hooks(
                        settings(
                            freeze() + "; sleep 600 & sleep 600",
                            thaw(),
                            Duration.ofMillis(1500),
                            LONG))
                    .quiesce(List.of("a")))
        .hasMessageContaining("did not end within 1500 ms");
    assertThat(frozen).doesNotExist();
    assertThat(log()).containsExactly("before db a", "after", "before db a", "after");
  }

  @Test
  void where_hooks_are_not_required_their_failure_only_costs_the_level() throws Exception {
    HookSettings strict = settings("exit 1", thaw(), LONG, LONG);
    HookSettings lenient =
        new HookSettings(
            "db", "exit 1", thaw(), LONG, LONG, Level.FILESYSTEM, false, strict.directory());
    assertThat(new Hooks(lenient).quiesce(List.of("a")).release()).isEqualTo(Level.NONE);
    assertThat(log()).containsExactly("after");
  }

  @Test
  void an_exporter_killed_while_frozen_leaves_nothing_frozen() throws Exception {
    Process victim =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                HookVictim.class.getName(),
                state.toString(),
                freeze(),
                thaw())
            .redirectErrorStream(true)
            .start();
    try {
      assertThat(victim.inputReader().lines().anyMatch("frozen"::equals)).isTrue();
      assertThat(frozen).exists();
      // Also what ends groups of processes does not keep the guard from its work.
      victim.descendants().forEach(ProcessHandle::destroy);
      assertThat(frozen).exists();
    } finally {
      victim.destroyForcibly().waitFor();
    }
    await().atMost(PATIENCE).until(() -> !Files.exists(frozen));
    await().atMost(PATIENCE).until(() -> !Files.exists(state.resolve("victim.pending")));
    assertThat(log()).containsExactly("before victim a", "after");
  }

  @Test
  void where_the_guard_is_killed_the_exporter_thaws_by_itself() throws Exception {
    HookSettings settings = settings("", thaw(), LONG, LONG);
    Files.createDirectories(state);
    PendingThaw.of(settings).write(settings.pendingFile());
    Files.createFile(frozen);
    ThawGuard guard = ThawGuard.start(settings, "a");
    guard.handle().descendants().forEach(ProcessHandle::destroyForcibly);
    guard.handle().destroyForcibly();
    guard.handle().onExit().get();
    assertThat(guard.thaw()).as("nobody knows whether it was quiet").isFalse();
    assertThat(frozen).doesNotExist();
    assertThat(settings.pendingFile()).doesNotExist();
  }

  @Test
  void what_even_the_guard_could_not_do_is_done_at_the_next_start_of_the_same_boot()
      throws Exception {
    HookSettings settings = settings("", thaw(), LONG, LONG);
    Files.createDirectories(state);
    Files.createFile(frozen);
    PendingThaw.of(settings).write(settings.pendingFile());
    Hooks.recover(state);
    assertThat(frozen).doesNotExist();
    assertThat(settings.pendingFile()).doesNotExist();

    new PendingThaw(UUID.randomUUID().toString(), LONG, thaw()).write(settings.pendingFile());
    Hooks.recover(state);
    assertThat(log()).as("not after another boot").containsExactly("after");
    assertThat(settings.pendingFile()).doesNotExist();
  }

  @Test
  void a_damaged_file_of_what_is_to_be_done_keeps_nothing_else_from_it() throws Exception {
    HookSettings settings = settings("", thaw(), LONG, LONG);
    Files.createDirectories(state);
    Files.createFile(frozen);
    Path damaged = Files.writeString(state.resolve("a.pending"), "boot\nsoon\ntrue\n");
    Path cutOff = Files.writeString(state.resolve("b.pending"), "boot\n");
    PendingThaw.of(settings).write(settings.pendingFile());
    Hooks.recover(state);
    assertThat(frozen).doesNotExist();
    assertThat(damaged).exists();
    assertThat(cutOff).exists();
  }

  @Test
  void a_thaw_that_fails_is_tried_again_and_stays_to_be_done() throws Exception {
    Path refuse = Files.createFile(directory.resolve("refuse"));
    String command = "echo try >>" + log + "; [ ! -e " + refuse + " ] && rm " + frozen;
    HookSettings settings = settings(freeze(), command, LONG, LONG);
    new Hooks(settings).quiesce(List.of("a")).release();
    assertThat(log()).containsExactly("before db a", "try", "try", "try");
    assertThat(settings.pendingFile()).exists();
    Files.delete(refuse);
    Hooks.recover(state);
    assertThat(frozen).doesNotExist();
    assertThat(settings.pendingFile()).doesNotExist();
    Files.writeString(log, "", StandardOpenOption.TRUNCATE_EXISTING);
  }
}
