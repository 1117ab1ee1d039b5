package io.blkcast.exporter.increment;

import java.util.Random;

/** Decides what goes wrong. */
final class Faults {

  private final Random random;
  private double probability;

  Faults(Random random) {
    this.random = random;
  }

  /** From now on each thing that can fail does so with this probability. */
  void probability(double now) {
    probability = now;
  }

  boolean strike() {
    return random.nextDouble() < probability;
  }

  @SafeVarargs
  final <T> T oneOf(T... choices) {
    return choices[random.nextInt(choices.length)];
  }
}
