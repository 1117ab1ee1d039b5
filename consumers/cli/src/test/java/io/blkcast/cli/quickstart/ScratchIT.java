package io.blkcast.cli.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Directories that processes leave which were killed. */
class ScratchIT {

  /** Makes one, prints where, and waits to be killed. */
  static final class Holder {

    private Holder() {}

    public static void main(String[] arguments) throws Exception {
      try (Scratch scratch = new Scratch(Path.of(arguments[0]))) {
        System.out.println(scratch.dir());
        Thread.sleep(Long.MAX_VALUE);
      }
    }
  }

  private static Process hold(Path parent) throws Exception {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            Holder.class.getName(),
            parent.toString())
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  @Test
  void theNextOneRemovesWhatAKilledProcessLeftAndNothingOfOneThatLives(@TempDir Path parent)
      throws Exception {
    Process killed = hold(parent);
    Process alive = hold(parent);
    try {
      Path left = Path.of(killed.inputReader().readLine());
      Path held = Path.of(alive.inputReader().readLine());
      Files.createDirectories(left.resolve("a/b"));
      Files.writeString(left.resolve("a/b/c"), "content");
      Path elsewhere = Files.writeString(parent.resolve("elsewhere"), "content");
      Files.createSymbolicLink(left.resolve("link"), elsewhere);
      killed.destroyForcibly().waitFor();

      try (Scratch next = new Scratch(parent)) {
        assertThat(left).doesNotExist();
        assertThat(held).isDirectory();
        assertThat(next.dir()).isDirectory();
        try (Scratch another = new Scratch(parent)) {
          assertThat(another.dir()).isNotEqualTo(next.dir());
        }
        assertThat(next.dir()).as("of this very process").isDirectory();
      }
      assertThat(elsewhere).hasContent("content");
    } finally {
      killed.destroyForcibly();
      alive.destroyForcibly().waitFor();
    }
  }

  @Test
  void whatHasNoLockFileOrIsALinkIsLeft(@TempDir Path parent) throws Exception {
    Path beingMade = Files.createDirectory(parent.resolve("blkcast-quickstart-1"));
    Path elsewhere = Files.createDirectory(parent.resolve("elsewhere"));
    Files.createFile(elsewhere.resolve("lock"));
    Path link = Files.createSymbolicLink(parent.resolve("blkcast-quickstart-2"), elsewhere);
    try (Scratch next = new Scratch(parent)) {
      assertThat(next.dir()).isDirectory();
      assertThat(beingMade).isDirectory();
      assertThat(link).exists();
      assertThat(elsewhere.resolve("lock")).exists();
    }
  }
}
