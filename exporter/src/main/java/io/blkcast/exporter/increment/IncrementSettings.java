package io.blkcast.exporter.increment;

import java.time.Duration;
import java.util.Optional;

/**
 * What the increments of one volume are made like.
 *
 * @param name of the volume
 * @param chunkBytes most plain bytes of a data record
 * @param inFlightBytes most bytes read and not yet acknowledged
 * @param readers reads at once
 * @param every time from one scheduled increment to the next
 */
public record IncrementSettings(
    String name, int chunkBytes, long inFlightBytes, int readers, Optional<Duration> every) {}
