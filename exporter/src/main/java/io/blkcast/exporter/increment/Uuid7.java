package io.blkcast.exporter.increment;

import java.time.InstantSource;
import java.util.UUID;
import java.util.random.RandomGenerator;

/** Makes identifiers that sort by time: UUID version 7 of RFC 9562, section 5.7. */
final class Uuid7 {

  private final InstantSource clock;
  private final RandomGenerator random;

  Uuid7(InstantSource clock, RandomGenerator random) {
    this.clock = clock;
    this.random = random;
  }

  UUID next() {
    long high = (clock.millis() << 16) | 0x7000 | (random.nextLong() & 0xfff);
    long low = (random.nextLong() & 0x3fff_ffff_ffff_ffffL) | 0x8000_0000_0000_0000L;
    return new UUID(high, low);
  }
}
