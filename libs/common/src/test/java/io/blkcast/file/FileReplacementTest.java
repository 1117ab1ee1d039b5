package io.blkcast.file;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class FileReplacementTest {

  private static final byte[] FRESH = "fresh\n".getBytes(US_ASCII);

  /** A way to replace a file. */
  private interface Way {
    void replace(Path file, byte[] content) throws IOException;
  }

  @TempDir Path dir;
  private Path file;

  static Arguments[] ways() {
    Way process = FileReplacement::replace;
    Way powerCut = FileReplacement::replaceDurably;
    return new Arguments[] {
      Arguments.argumentSet("outlives the process", process),
      Arguments.argumentSet("outlives a power cut", powerCut)
    };
  }

  @BeforeEach
  void names() {
    file = dir.resolve("state");
  }

  @ParameterizedTest
  @MethodSource("ways")
  void content_is_replaced_wherever_there_was_none_or_more_of_it(Way way) throws IOException {
    way.replace(file, FRESH);
    assertThat(file).hasBinaryContent(FRESH);
    way.replace(file, new byte[] {1});
    assertThat(file).hasBinaryContent(new byte[] {1});
    assertThat(dir).isDirectoryNotContaining(path -> !path.equals(file));
  }

  @ParameterizedTest
  @MethodSource("ways")
  void what_a_killed_process_has_left_is_overwritten(Way way) throws IOException {
    Files.writeString(dir.resolve("state.new"), "longer than what comes after it");
    way.replace(file, FRESH);
    assertThat(file).hasBinaryContent(FRESH);
    assertThat(dir).isDirectoryNotContaining(path -> !path.equals(file));
  }

  @ParameterizedTest
  @MethodSource("ways")
  void old_content_survives_a_write_that_fails_and_no_other_file_is_left(Way way)
      throws IOException {
    // The longest name that there is: none is left for the file beside it.
    file = dir.resolve("n".repeat(255));
    Files.writeString(file, "old");
    assertThatThrownBy(() -> way.replace(file, FRESH))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file + " cannot be replaced")
        .hasMessageContaining("name too long");
    assertThat(file).hasContent("old");
    assertThat(dir).isDirectoryNotContaining(path -> !path.equals(file));
  }

  @ParameterizedTest
  @MethodSource("ways")
  void no_other_file_is_left_where_the_name_cannot_be_given(Way way) throws IOException {
    Files.createDirectories(file.resolve("not a file"));
    assertThatThrownBy(() -> way.replace(file, FRESH))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file + " cannot be replaced");
    assertThat(dir).isDirectoryNotContaining(path -> !path.equals(file));
  }

  @Test
  void deleting_what_is_not_there_does_nothing() throws IOException {
    FileReplacement.replaceDurably(file, FRESH);
    FileReplacement.deleteDurably(file);
    FileReplacement.deleteDurably(file);
    assertThat(dir).isEmptyDirectory();
  }
}
