package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ScheduleTest {

  private final Simulation simulation = new Simulation(1);
  private final VolumeMonitor monitor =
      new VolumeMonitor("a", simulation.clock(), new SimpleMeterRegistry());
  private final Schedule schedule =
      new Schedule(simulation.loop(), Optional.of(Duration.ofHours(1)), monitor, () -> {});

  @Test
  void a_commit_hours_ahead_names_the_clock_and_does_not_put_the_next_off() {
    Instant now = simulation.now();
    schedule.arm(Optional.of(now.plus(Duration.ofHours(5))));
    assertThat(monitor.progress().lastError().orElseThrow().message())
        .contains("the clock of this host says " + now);
    assertThat(monitor.progress().nextAt().orElseThrow())
        .isBeforeOrEqualTo(now.plus(Duration.ofHours(1)));
    schedule.arm(Optional.of(now));
    assertThat(monitor.progress().lastError()).as("after the next commit").isEmpty();
  }
}
