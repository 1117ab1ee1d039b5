package io.blkcast.exporter.increment;

import static io.blkcast.exporter.increment.IncrementState.ABORTING;
import static io.blkcast.exporter.increment.IncrementState.COMMITTING;
import static io.blkcast.exporter.increment.IncrementState.EXPORTING;
import static io.blkcast.exporter.increment.IncrementState.IDLE;
import static io.blkcast.exporter.increment.IncrementState.MAPPING;
import static io.blkcast.exporter.increment.IncrementState.RELEASING;
import static io.blkcast.exporter.increment.IncrementState.TAKING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class IncrementStateTest {

  private static final Map<IncrementState, Set<IncrementState>> LEGAL =
      Map.of(
          IDLE, Set.of(TAKING),
          TAKING, Set.of(MAPPING, ABORTING),
          MAPPING, Set.of(EXPORTING, ABORTING),
          EXPORTING, Set.of(COMMITTING, ABORTING),
          COMMITTING, Set.of(RELEASING, ABORTING),
          RELEASING, Set.of(IDLE, ABORTING),
          ABORTING, Set.of(IDLE));

  @Test
  void exactly_the_legal_transitions_are_possible() {
    for (IncrementState from : IncrementState.values()) {
      for (IncrementState to : IncrementState.values()) {
        if (LEGAL.get(from).contains(to)) {
          assertThat(from.to(to)).isEqualTo(to);
        } else {
          assertThatThrownBy(() -> from.to(to))
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining(from + " to " + to);
        }
      }
    }
  }
}
