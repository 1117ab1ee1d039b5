package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.exporter.increment.Intent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IntentFileTest {

  @Test
  void what_is_saved_is_there_after_a_restart(@TempDir Path dir) throws IOException {
    Path file = dir.resolve("a.intent");
    for (boolean paused : new boolean[] {true, false}) {
      for (boolean resync : new boolean[] {true, false}) {
        Intent intent = new Intent(paused, resync);
        IntentFile.open(file).save(intent);
        assertThat(IntentFile.open(file).current()).isEqualTo(intent);
      }
    }
    assertThat(dir).as("no intent, no file").isEmptyDirectory();
  }

  @Test
  void another_file_in_its_place_is_refused_with_the_remedy(@TempDir Path dir) throws IOException {
    Path file = Files.writeString(dir.resolve("a.intent"), "paused\nfoo\n");
    assertThatThrownBy(() -> IntentFile.open(file))
        .hasMessageContaining(file.toString())
        .hasMessageContaining("'foo'")
        .hasMessageContaining("delete it");
  }

  @Test
  void a_file_that_cannot_be_read_costs_a_baseline_and_not_the_start(@TempDir Path directory)
      throws Exception {
    Path file = Files.writeString(directory.resolve("a.intent"), "rubbish");
    assertThat(IntentFile.openOrAssume(file).current()).isEqualTo(new Intent(false, true));
  }
}
