package io.blkcast.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateDirectoryTest {

  @TempDir Path dir;

  /** Claims a directory in a process of its own, and holds it until it is killed. */
  public static final class Holder {
    public static void main(String[] arguments) throws Exception {
      try (StateDirectory held = StateDirectory.claim(Path.of(arguments[0]))) {
        System.out.println("held " + held.tightened());
        Thread.sleep(TimeUnit.HOURS.toMillis(1));
      }
    }
  }

  @Test
  void one_process_keeps_others_off_until_it_is_killed() throws Exception {
    Path state = dir.resolve("state");
    Process holder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                state.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader out = holder.inputReader()) {
      assertThat(out.readLine()).isEqualTo("held false");
      // Twice: a look at the lock must not end it.
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> StateDirectory.claim(state))
            .isInstanceOf(IOException.class)
            .hasMessageContaining(state + " is in use by another exporter")
            .hasMessageContaining("process " + holder.pid())
            .hasMessageContaining("Stop that one");
      }
    } finally {
      holder.destroyForcibly().waitFor();
    }
    StateDirectory.claim(state).close();
  }

  @Test
  void within_a_process_it_is_held_once_by_whatever_name() throws Exception {
    Path state = dir.resolve("state");
    Path link = dir.resolve("link");
    try (StateDirectory held = StateDirectory.claim(state)) {
      assertThat(held.tightened()).isFalse();
      Files.createSymbolicLink(link, state);
      assertThatThrownBy(() -> StateDirectory.claim(link)).hasMessageContaining("in use");
      assertThatThrownBy(() -> StateDirectory.claim(state)).hasMessageContaining("in use");
    }
    StateDirectory.claim(link).close();
  }
}
