package io.blkcast.exporter.publish;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class ClockWatchTest {

  private static final Instant THERE = Instant.parse("2026-05-04T03:02:01Z");

  @Test
  void a_clock_that_is_hours_wrong_is_named_with_both_times() {
    assertThat(ClockWatch.compare(THERE.plus(Duration.ofHours(5)), THERE).orElseThrow())
        .contains("the clock of this host is 5 h ahead of the brokers'")
        .contains("2026-05-04T08:02:01Z", "2026-05-04T03:02:01Z");
    assertThat(ClockWatch.compare(THERE.minus(Duration.ofMinutes(90)), THERE).orElseThrow())
        .contains("the clock of this host is 90 min behind the brokers'");
  }

  @Test
  void less_than_two_minutes_are_not_told() {
    assertThat(ClockWatch.compare(THERE.plusSeconds(119), THERE)).isEmpty();
    assertThat(ClockWatch.compare(THERE.minusSeconds(119), THERE)).isEmpty();
  }
}
