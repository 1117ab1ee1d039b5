package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SnapshotJournalTest {

  @TempDir Path state;

  @Test
  void what_was_not_destroyed_is_known_to_the_next_process() throws Exception {
    UUID left = UUID.randomUUID();
    UUID destroyed = UUID.randomUUID();
    try (SnapshotJournal own = SnapshotJournal.open(state.resolve("made"))) {
      own.add(left);
      own.add(destroyed);
      own.remove(destroyed);
      own.remove(UUID.randomUUID());
    }
    Files.writeString(
        state.resolve("made/blksnap.snapshots"), "0190-cut-o", StandardOpenOption.APPEND);
    try (SnapshotJournal own = SnapshotJournal.open(state.resolve("made"))) {
      assertThat(own.ids()).containsExactly(left);
    }
  }

  @Test
  void a_second_exporter_is_kept_off_the_first_ones_snapshots() throws Exception {
    try (SnapshotJournal own = SnapshotJournal.open(state)) {
      assertThatThrownBy(() -> SnapshotJournal.open(state))
          .hasMessageContaining("Another exporter")
          .hasMessageContaining(state.toString());
      assertThat(own.ids()).isEmpty();
    }
    SnapshotJournal.open(state).close();
  }
}
