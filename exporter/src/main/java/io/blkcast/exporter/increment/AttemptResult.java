package io.blkcast.exporter.increment;

import io.blkcast.schema.IncrementKind;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * An attempt at an increment that has come to its end.
 *
 * @param incrementId empty where it ended before it was opened at Kafka
 * @param kind empty likewise
 * @param trigger what started it
 * @param startedAt when the attempt began
 * @param takenAt instant of its snapshot, where it came so far
 * @param finishedAt when it ended
 * @param changedBytes of its extents
 * @param payloadBytes sent for it
 * @param failure why it was given up; empty where it was committed
 */
public record AttemptResult(
    Optional<UUID> incrementId,
    Optional<IncrementKind> kind,
    Trigger trigger,
    Instant startedAt,
    Optional<Instant> takenAt,
    Instant finishedAt,
    long changedBytes,
    long payloadBytes,
    Optional<Failure> failure) {}
