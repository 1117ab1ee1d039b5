package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.increment.VolumeHistory;
import io.blkcast.exporter.increment.VolumeHistory.Doubt;
import io.blkcast.exporter.publish.Link;
import io.blkcast.exporter.publish.Place;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HistoryFileTest {

  private static final Instant NOW = Instant.parse("2026-01-02T03:04:05.123456Z");

  private static final VolumeHistory FULL =
      new VolumeHistory(
          Optional.of(new Link(new UUID(1, 2), "aa", "bb", true)),
          Optional.of(new Link(new UUID(3, 4), "cc", "dd", false)),
          Optional.of(new Place("topic", Map.of(0, 17L, 5, 4L))),
          Optional.of(new Doubt("a\nreason ü crc32c 0", NOW)));

  @TempDir Path dir;
  private Path file;

  @BeforeEach
  void name() {
    file = dir.resolve("a.history");
  }

  private VolumeHistory read(String volume) {
    return HistoryFile.open(file, volume, InstantSource.fixed(NOW)).current();
  }

  private void save(VolumeHistory history) throws IOException {
    HistoryFile.open(file, "a", InstantSource.fixed(NOW)).save(history);
  }

  @Test
  void what_is_saved_is_there_after_a_restart() throws IOException {
    assertThat(read("a")).isEqualTo(VolumeHistory.NONE);
    save(FULL);
    assertThat(read("a")).isEqualTo(FULL);
    save(VolumeHistory.NONE);
    assertThat(read("a")).isEqualTo(VolumeHistory.NONE);
  }

  @Test
  void a_file_of_another_volume_or_of_a_later_version_is_a_doubt() throws IOException {
    save(FULL);
    assertDoubt(read("b"), "another volume");
    Files.writeString(file, "blkcast-history 2\nnobody knows\n");
    assertDoubt(read("a"), "does not begin with 'blkcast-history 1'");
  }

  @Test
  void a_file_cut_short_or_changed_anywhere_is_a_doubt() throws IOException {
    save(FULL);
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, java.util.Arrays.copyOf(whole, length));
      assertDoubt(read("a"), file.toString());
    }
    for (int i = 0; i < whole.length; i++) {
      byte[] changed = whole.clone();
      changed[i] ^= 1;
      Files.write(file, changed);
      assertDoubt(read("a"), file.toString());
    }
  }

  @Test
  void something_else_in_its_place_is_a_doubt() throws IOException {
    Files.createDirectory(file);
    assertDoubt(read("a"), "cannot be read");
  }

  @Test
  void what_another_user_could_have_written_is_a_doubt() throws IOException {
    save(FULL);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
    assertDoubt(read("a"), "can be written by others");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    Path elsewhere = Files.move(file, dir.resolve("elsewhere"));
    Files.createSymbolicLink(file, elsewhere);
    assertDoubt(read("a"), "symbolic link");
  }

  private static void assertDoubt(VolumeHistory history, String why) {
    assertThat(history.head()).isEmpty();
    assertThat(history.doubt()).get().satisfies(doubt -> assertThat(doubt.reason()).contains(why));
  }
}
