package io.blkcast.exporter.increment;

import java.time.Instant;

/**
 * What went wrong, for people and programs.
 *
 * @param code machine-readable, lower case with dashes, for instance {@code snapshot-corrupted}
 * @param message cause and remedy, without secrets
 */
public record Failure(String code, String message, Instant at) {}
