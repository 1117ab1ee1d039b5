package io.blkcast.exporter.increment;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.InstantSource;
import java.util.random.RandomGenerator;

/**
 * What all volumes of an exporter share; all of it thread-safe.
 *
 * @param budget bound of the bytes in flight
 * @param buffers what images are read into
 * @param meters where figures go
 * @param host the machine, as records name it
 * @param random for identifiers, and to spread retries
 * @param ids makes increment ids
 */
public record ExporterContext(
    InFlightBudget budget,
    BufferPool buffers,
    MeterRegistry meters,
    HostIdentity host,
    RandomGenerator random,
    Ids ids) {

  /** Makes identifiers. */
  @FunctionalInterface
  public interface Ids {
    java.util.UUID next();
  }

  /** With identifiers that sort by time. */
  public static ExporterContext of(
      long inFlightBytes,
      MeterRegistry meters,
      HostIdentity host,
      InstantSource clock,
      RandomGenerator random) {
    Uuid7 uuids = new Uuid7(clock, random);
    return new ExporterContext(
        new InFlightBudget(inFlightBytes),
        new BufferPool(2 * inFlightBytes),
        meters,
        host,
        random,
        uuids::next);
  }
}
