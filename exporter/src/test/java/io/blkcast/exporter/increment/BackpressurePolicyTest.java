package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.increment.BackpressurePolicy.Decision;
import io.blkcast.exporter.increment.BackpressurePolicy.Pressure;
import io.blkcast.exporter.increment.BackpressurePolicy.Sample;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BackpressurePolicyTest {

  private static final long MIB = 1 << 20;
  private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

  private final BackpressurePolicy guard = new BackpressurePolicy();
  private int looks;

  /** Looks every quarter of a second at a storage of 100 MiB and an increment of 1000 MiB. */
  private Decision look(double usedMib, double doneMib) {
    return guard.decide(
        new Sample(
            START.plusMillis(250L * looks++),
            (long) (usedMib * MIB),
            100 * MIB,
            (long) (doneMib * MIB),
            1000 * MIB));
  }

  @Test
  void a_storage_that_does_not_fill_leaves_the_export_alone() {
    look(5, 0);
    Decision decision = look(5, 10);
    assertThat(decision.pressure()).isEqualTo(Pressure.CALM);
    assertThat(decision.worse()).isFalse();
    assertThat(decision.fillPerSecond()).isZero();
    assertThat(decision.untilFull()).isEmpty();
    assertThat(decision.untilDone()).contains(Duration.ofMillis(24_750));
  }

  @Test
  void rates_and_times_are_those_of_the_samples() {
    look(20, 0);
    look(22, 10);
    Decision decision = look(24, 20);
    assertThat(decision.fillPerSecond()).isEqualTo(8 * MIB);
    assertThat(decision.untilFull()).contains(Duration.ofMillis(9_500));
    assertThat(decision.untilDone()).contains(Duration.ofMillis(24_500));
  }

  @Test
  void a_storage_that_will_be_full_before_the_end_makes_the_export_hurry_step_by_step() {
    List<Pressure> seen = new ArrayList<>();
    List<Pressure> told = new ArrayList<>();
    // 2 MiB in, 1 MiB out a look: full after 50 looks, done after 1000.
    for (int i = 0; i < 49; i++) {
      Decision decision = look(2 * i, i);
      if (seen.isEmpty() || seen.get(seen.size() - 1) != decision.pressure()) {
        seen.add(decision.pressure());
      }
      if (decision.worse()) {
        told.add(decision.pressure());
      }
    }
    assertThat(seen)
        .containsExactly(Pressure.CALM, Pressure.PRESSED, Pressure.CRITICAL, Pressure.LOST);
    assertThat(told).containsExactly(Pressure.PRESSED, Pressure.CRITICAL, Pressure.LOST);
    assertThat(Pressure.PRESSED.haste()).isGreaterThan(Pressure.CALM.haste());
    assertThat(Pressure.CRITICAL.haste()).isGreaterThan(Pressure.PRESSED.haste());
  }

  @Test
  void lost_is_told_before_the_storage_is_full() {
    double used = 0;
    Decision decision = look(used, 0);
    while (decision.pressure() != Pressure.LOST) {
      used += 3;
      assertThat(used).as("used MiB of 100").isLessThan(100);
      decision = look(used, 1);
    }
    assertThat(used).isGreaterThanOrEqualTo(90);
    assertThat(look(10, 900).pressure()).as("for good").isEqualTo(Pressure.LOST);
  }

  @Test
  void an_export_that_ends_in_time_is_never_given_up_however_full_the_storage_is() {
    look(92, 900);
    look(94, 940);
    Decision decision = look(97, 980);
    assertThat(decision.pressure()).isEqualTo(Pressure.CRITICAL);
    assertThat(look(99.9, 1000).pressure()).isEqualTo(Pressure.CRITICAL);
  }

  @Test
  void pressure_eases_a_step_at_a_time_and_is_told_once() {
    look(80, 0);
    assertThat(look(88, 1).pressure()).isEqualTo(Pressure.CRITICAL);
    List<Decision> eased = List.of(look(8, 500), look(7, 600), look(7, 700));
    assertThat(eased.stream().map(Decision::pressure))
        .containsExactly(Pressure.PRESSED, Pressure.CALM, Pressure.CALM);
    assertThat(look(60, 710).worse()).as("told before").isFalse();
  }

  @Test
  void the_first_look_and_an_export_that_stands_still_are_no_reason_to_give_up() {
    assertThat(look(40, 0).pressure()).isEqualTo(Pressure.CALM);
    Decision standing = look(40, 0);
    assertThat(standing.pressure()).isEqualTo(Pressure.CALM);
    assertThat(standing.untilDone()).isEmpty();
  }
}
