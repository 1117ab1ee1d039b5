package io.blkcast.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class TerminalTest {

  @Test
  void plain_text_is_what_no_color_and_a_dumb_terminal_get() {
    assertThat(Terminal.allows(Map.of("TERM", "xterm"))).isTrue();
    assertThat(Terminal.allows(Map.of("NO_COLOR", ""))).as("empty means not set").isTrue();
    assertThat(Terminal.allows(Map.of("TERM", "xterm", "NO_COLOR", "1"))).isFalse();
    assertThat(Terminal.allows(Map.of("TERM", "dumb"))).isFalse();
  }
}
