package io.blkcast.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SequenceTest {

  @Test
  void numbersInOrderAreComplete() {
    Sequence sequence = new Sequence();
    for (long i = 0; i < 5L * Sequence.WINDOW + 3; i++) {
      assertThat(sequence.see(i)).isEqualTo(Sequence.Seen.NEW);
    }
    assertThat(sequence.isExactly(5L * Sequence.WINDOW + 3)).isTrue();
    assertThat(sequence.isExactly(5L * Sequence.WINDOW + 2)).isFalse();
  }

  @Test
  void numbersShuffledWithinTheWindowAreCompleteAndDuplicatesAreTold() {
    Sequence sequence = new Sequence();
    Random random = new Random(3);
    List<Long> block = new ArrayList<>();
    long count = 0;
    for (int round = 0; round < 30; round++) {
      block.clear();
      for (int i = 0; i < 10_000; i++) {
        block.add(count++);
      }
      Collections.shuffle(block, random);
      for (long number : block) {
        assertThat(sequence.see(number)).isEqualTo(Sequence.Seen.NEW);
        assertThat(sequence.see(number)).isEqualTo(Sequence.Seen.DUPLICATE);
      }
    }
    assertThat(sequence.isExactly(count)).isTrue();
  }

  @Test
  void gapKeepsItFromBeingComplete() {
    Sequence sequence = new Sequence();
    sequence.see(0);
    sequence.see(2);
    assertThat(sequence.next()).isEqualTo(1);
    assertThat(sequence.isExactly(3)).isFalse();
    assertThat(sequence.isExactly(1)).isFalse();
  }

  @Test
  void numberBeyondTheWindowIsTold() {
    Sequence sequence = new Sequence();
    assertThat(sequence.see(Sequence.WINDOW)).isEqualTo(Sequence.Seen.BEYOND);
    assertThat(sequence.see(Sequence.WINDOW - 1)).isEqualTo(Sequence.Seen.NEW);
    sequence.see(0);
    assertThat(sequence.see(Sequence.WINDOW)).isEqualTo(Sequence.Seen.NEW);
  }
}
