package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProgressesTest {

  /** A topic's settings, a broker's message, a path: much of an error is not ours. */
  private static final String HOSTILE = "gone\u001b]0;title\u0007\r\u009b2J\n  usable  yes\u202e";

  private static final JsonObject PROGRESS =
      new JsonObject()
          .put("volume", "disk")
          .put("status", "FAILED")
          .put("state", "IDLE")
          .put("bytesTotal", 0)
          .put("retryAt", "2026-01-01T00:00:00Z")
          .put(
              "lastError",
              new JsonObject()
                  .put("code", "KAFKA\u001b[31m")
                  .put("message", HOSTILE)
                  .put("at", "2026-01-01T00:00:00Z"));

  private static final JsonObject VOLUME =
      new JsonObject().put("name", "disk").put("usable", false).put("progress", PROGRESS);

  private static void assertHarmless(String printed) {
    assertThat(printed.codePoints().filter(c -> c != '\n'))
        .noneMatch(Character::isISOControl)
        .noneMatch(c -> Character.getType(c) == Character.FORMAT);
  }

  @Test
  void an_error_that_others_worded_does_nothing_to_the_terminal() {
    assertThat(Progresses.line(PROGRESS)).contains("gone\\u001b]0;title").doesNotContain("\n");
    assertHarmless(Progresses.line(PROGRESS));
    String page = Progresses.page(VOLUME);
    assertHarmless(page);
    assertThat(page.lines()).hasSize(5).filteredOn(line -> line.startsWith("  usable")).hasSize(1);
    assertHarmless(Text.table(List.of(List.of("A", "B"), List.of(HOSTILE, "b"))));
  }
}
