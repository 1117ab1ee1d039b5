package io.blkcast.file;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.file.attribute.PosixFilePermissions.fromString;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OwnFilesTest {

  private static final int STRANGER = 4711;

  @TempDir Path dir;
  private Path file;
  private Path foreign;

  @BeforeEach
  void names() throws IOException {
    file = dir.resolve("file");
    foreign = Files.writeString(dir.resolve("foreign"), "foreign");
  }

  private static void give(Path path) throws IOException {
    if (System.getenv("CI") == null) {
      assumeTrue((int) Files.getAttribute(path, "unix:uid") == 0, "only root gives files away");
    }
    Files.setAttribute(path, "unix:uid", STRANGER);
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  @Test
  void what_is_made_is_for_its_owner_alone() throws IOException {
    OwnFiles.replace(file).close();
    assertThat(mode(file)).isEqualTo("rw-------");
    Files.delete(file);
    OwnFiles.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE).close();
    assertThat(mode(file)).isEqualTo("rw-------");
    FileReplacement.replace(file, new byte[] {1});
    assertThat(mode(file)).isEqualTo("rw-------");
    OwnFiles.createDirectories(dir.resolve("a/b"));
    assertThat(mode(dir.resolve("a"))).isEqualTo("rwx------");
    assertThat(mode(dir.resolve("a/b"))).isEqualTo("rwx------");
  }

  @Test
  void a_link_is_removed_by_a_replacement_and_what_it_leads_to_stays() throws IOException {
    Files.createSymbolicLink(file, foreign);
    try (FileChannel channel = OwnFiles.replace(file)) {
      channel.write(ByteBuffer.wrap("ours".getBytes(US_ASCII)));
    }
    assertThat(file).hasContent("ours").isRegularFile();
    assertThat(foreign).hasContent("foreign");
    Files.createSymbolicLink(dir.resolve("state.new"), foreign);
    FileReplacement.replaceDurably(dir.resolve("state"), "ours".getBytes(US_ASCII));
    assertThat(foreign).hasContent("foreign");
    assertThat(dir.resolve("state")).hasContent("ours").isRegularFile();
  }

  @Test
  void scratch_files_have_no_name() throws IOException {
    try (FileChannel channel = OwnFiles.scratch(dir, "spool-")) {
      channel.write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
      assertThat(channel.size()).isEqualTo(3);
      assertThat(dir).isDirectoryNotContaining(path -> path.toString().contains("spool-"));
    }
  }

  @Test
  void links_and_what_is_no_file_are_not_read() throws IOException {
    Files.createSymbolicLink(file, foreign);
    refused("symbolic link");
    Files.delete(file);
    Files.createDirectory(file);
    refused("not a regular file");
  }

  @Test
  void a_file_of_two_names_is_not_read() throws IOException {
    Files.createLink(file, foreign);
    refused("hard links");
    Files.delete(foreign);
    assertThat(OwnFiles.read(file)).asString(US_ASCII).isEqualTo("foreign");
  }

  @ParameterizedTest
  @ValueSource(strings = {"rw--w----", "rw-----w-", "rw-rw-rw-"})
  void a_file_that_others_can_write_is_not_read(String mode) throws IOException {
    Files.writeString(file, "x");
    Files.setPosixFilePermissions(file, fromString(mode));
    refused("written by others");
  }

  @Test
  void a_file_of_another_user_is_not_read() throws IOException {
    Files.writeString(file, "x");
    give(file);
    refused("belongs to user " + STRANGER);
  }

  private void refused(String why) {
    assertThatThrownBy(() -> OwnFiles.read(file))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(why);
    assertThatThrownBy(
            () -> OwnFiles.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE))
        .isInstanceOf(UnsafePathException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwx-w----", "rwxrwxr-x", "rwxrwxrwx"})
  void a_directory_that_others_can_write_is_refused(String mode) throws IOException {
    Path state = Files.createDirectory(dir.resolve("state"));
    Files.setPosixFilePermissions(state, fromString(mode));
    assertThatThrownBy(() -> OwnFiles.claimDirectory(state))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining("written by others")
        .hasMessageContaining("chmod -R go-rwx " + state);
    assertThat(mode(state)).as("left as it is").isEqualTo(mode);
  }

  @Test
  void a_sticky_directory_that_others_can_write_is_refused_as_well() throws IOException {
    Path state = Files.createDirectory(dir.resolve("state"));
    Files.setAttribute(state, "unix:mode", 01777);
    assertThatThrownBy(() -> OwnFiles.claimDirectory(state))
        .isInstanceOf(UnsafePathException.class);
  }

  @Test
  void a_directory_of_another_user_is_refused() throws IOException {
    Path state = Files.createDirectory(dir.resolve("state"));
    give(state);
    assertThatThrownBy(() -> OwnFiles.claimDirectory(state))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining("user " + STRANGER);
  }

  @Test
  void a_directory_that_others_can_read_is_closed_to_them() throws IOException {
    Path state = Files.createDirectory(dir.resolve("state"));
    Files.setPosixFilePermissions(state, fromString("rwxr-xr-x"));
    assertThat(OwnFiles.claimDirectory(state)).isTrue();
    assertThat(mode(state)).isEqualTo("rwx------");
    assertThat(OwnFiles.claimDirectory(state)).isFalse();
  }

  @Test
  void a_place_below_a_directory_that_others_can_write_is_refused_unless_it_is_sticky()
      throws IOException {
    Path shared = Files.createDirectory(dir.resolve("shared"));
    Path below = shared.resolve("a/state");
    Files.setPosixFilePermissions(shared, fromString("rwxrwxrwx"));
    assertThatThrownBy(() -> OwnFiles.claimDirectory(below))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining("they can write " + shared);
    assertThat(shared).isEmptyDirectory();
    Files.setAttribute(shared, "unix:mode", 01777);
    OwnFiles.claimDirectory(below);
    assertThat(mode(below)).isEqualTo("rwx------");
  }

  @Test
  void a_place_below_a_directory_of_another_user_is_refused() throws IOException {
    Path theirs = Files.createDirectory(dir.resolve("theirs"));
    Path state = Files.createDirectory(theirs.resolve("state"));
    give(theirs);
    assertThatThrownBy(() -> OwnFiles.claimDirectory(state))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining("exchanged by another user: " + theirs);
  }

  @Test
  void links_on_the_way_are_looked_at_and_what_they_lead_to() throws IOException {
    Path real = Files.createDirectories(dir.resolve("real"));
    Path link = Files.createSymbolicLink(dir.resolve("link"), Path.of("real"));
    OwnFiles.claimDirectory(link.resolve("state"));
    assertThat(real.resolve("state")).isDirectory();
    Files.setPosixFilePermissions(real, fromString("rwxrwxrwx"));
    assertThatThrownBy(() -> OwnFiles.requirePlace(link.resolve("state")))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining("they can write " + real);
    Files.createSymbolicLink(dir.resolve("loop"), Path.of("loop"));
    assertThatThrownBy(() -> OwnFiles.requirePlace(dir.resolve("loop")))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining("too many links");
  }

  @Test
  void a_link_of_another_user_is_refused() throws IOException {
    Files.createDirectories(dir.resolve("real"));
    Path link = Files.createSymbolicLink(dir.resolve("link"), Path.of("real"));
    if (System.getenv("CI") == null) {
      assumeTrue((int) Files.getAttribute(dir, "unix:uid") == 0, "only root gives links away");
    }
    assertThat(run("chown", "-h", String.valueOf(STRANGER), link.toString())).isZero();
    assertThatThrownBy(() -> OwnFiles.requirePlace(link.resolve("state")))
        .isInstanceOf(UnsafePathException.class)
        .hasMessageContaining(link + " belongs to user " + STRANGER);
  }

  private static int run(String... command) throws IOException {
    try {
      return new ProcessBuilder(command).start().waitFor();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
