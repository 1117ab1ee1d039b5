package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ScheduleTest {

  private static final Duration EVERY = Duration.ofMinutes(15);

  private final Simulation simulation = new Simulation(3);
  private final Instant start = simulation.now();
  private final List<Instant> due = new ArrayList<>();
  private final VolumeMonitor monitor =
      new VolumeMonitor("a", simulation.clock(), new SimpleMeterRegistry());
  private final Schedule schedule =
      new Schedule(simulation.loop(), Optional.of(EVERY), monitor, () -> due.add(simulation.now()));

  private Instant dueAfter(Optional<Instant> committed) {
    schedule.arm(committed);
    simulation.runUntil(() -> !due.isEmpty());
    return due.get(0);
  }

  @Test
  void the_next_is_due_a_period_after_the_last() {
    Duration ago = Duration.ofMinutes(5);
    assertThat(dueAfter(Optional.of(start.minus(ago)))).isEqualTo(start.plus(EVERY).minus(ago));
  }

  @Test
  void what_is_late_is_due_at_once() {
    assertThat(dueAfter(Optional.of(start.minus(EVERY.multipliedBy(2))))).isEqualTo(start);
  }

  @Test
  void a_last_one_that_was_committed_in_the_future_puts_the_next_off_for_no_more_than_a_period() {
    assertThat(dueAfter(Optional.of(start.plus(Duration.ofDays(365)))))
        .isEqualTo(start.plus(EVERY));
  }
}
