package io.blkcast.exporter.increment;

import io.blkcast.schema.IncrementKind;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * How far a volume's increment is; a snapshot of it that any thread may keep.
 *
 * @param volume configured name
 * @param status of the volume
 * @param state of the increment
 * @param incrementId of the one under way, once it is opened at Kafka
 * @param kind of the one under way, once known
 * @param trigger what started the one under way, for instance {@code schedule}
 * @param bytesTotal bytes of its extents; 0 while unknown
 * @param bytesDone bytes of them that Kafka has acknowledged, zeroes included
 * @param bytesPublished bytes of payload acknowledged
 * @param bytesPerSecond mean rate of {@code bytesDone} over the last seconds
 * @param remaining time left at that rate
 * @param startedAt when the one under way was started
 * @param retryAt when the next attempt begins, after a failure
 * @param nextAt when the schedule's next one is due
 * @param lastError what keeps increments from being published now, else why the last attempt
 *     failed, else what is wrong beside; empty once all is well and an attempt has succeeded
 * @param committedId last increment committed
 * @param committedAt when
 */
public record Progress(
    String volume,
    VolumeStatus status,
    IncrementState state,
    Optional<UUID> incrementId,
    Optional<IncrementKind> kind,
    Optional<String> trigger,
    long bytesTotal,
    long bytesDone,
    long bytesPublished,
    long bytesPerSecond,
    Optional<Duration> remaining,
    Optional<Instant> startedAt,
    Optional<Instant> retryAt,
    Optional<Instant> nextAt,
    Optional<Failure> lastError,
    Optional<UUID> committedId,
    Optional<Instant> committedAt) {}
