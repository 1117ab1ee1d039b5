package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.Snapshot.StorageUsage;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What can be known of a volume: progress, recent increments, figures. Written on the volume's
 * loop; what is public may be read from any thread and is never older than a quarter of a second,
 * and exact when an increment changes its state.
 */
public final class VolumeMonitor {

  private static final int HISTORY = 50;
  private static final Duration REFRESH = Duration.ofMillis(250);

  private final String volume;
  private final InstantSource clock;
  private final VolumeMeters meters;
  private final List<Consumer<Progress>> listeners = new CopyOnWriteArrayList<>();
  private final Deque<AttemptResult> finished = new ArrayDeque<>();
  private volatile Progress progress;
  private volatile List<AttemptResult> history = List.of();
  private volatile BackpressurePolicy.@Nullable Decision storage;
  private volatile boolean usable;

  private VolumeStatus status = VolumeStatus.STARTING;
  private IncrementState state = IncrementState.IDLE;
  private RateMeter rate;
  private Instant refreshed = Instant.EPOCH;
  private @Nullable Trigger trigger;
  private @Nullable UUID incrementId;
  private @Nullable IncrementKind kind;
  private @Nullable Instant startedAt;
  private @Nullable Instant takenAt;
  private @Nullable Instant retryAt;
  private @Nullable Instant nextAt;
  private @Nullable Failure lastError;
  private @Nullable Failure trouble;
  private @Nullable Failure warning;
  private @Nullable UUID committedId;
  private @Nullable Instant committedAt;
  private long bytesTotal;
  private long bytesDone;
  private long payload;

  VolumeMonitor(String volume, InstantSource clock, MeterRegistry registry) {
    this.volume = volume;
    this.clock = clock;
    this.rate = new RateMeter(clock);
    this.progress = snapshot();
    this.meters = new VolumeMeters(volume, this, registry);
  }

  /** How far the volume's increment is. */
  public Progress progress() {
    return progress;
  }

  /** The last 50 attempts, the newest first. */
  public List<AttemptResult> history() {
    return history;
  }

  /** Whether the volume is tracked and open at Kafka at this moment. */
  public boolean isUsable() {
    return usable;
  }

  /** Use of the difference storage, as last seen while an increment is exported. */
  public Optional<StorageUsage> storage() {
    return Optional.ofNullable(storage)
        .map(d -> new StorageUsage(d.sample().usedBytes(), d.sample().limitBytes()));
  }

  /**
   * How hard the export has to hurry because the difference storage fills up; while there is one.
   */
  public Optional<String> pressure() {
    return Optional.ofNullable(storage).map(d -> d.pressure().name());
  }

  /** Time until the difference storage is full at the present rate; empty for never. */
  public Optional<Duration> untilFull() {
    return Optional.ofNullable(storage).flatMap(BackpressurePolicy.Decision::untilFull);
  }

  /**
   * Tells a listener of every new progress, on the volume's loop; it must not block.
   *
   * @return ends it
   */
  public Runnable listen(Consumer<Progress> listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  IncrementState state() {
    return state;
  }

  Optional<Failure> lastError() {
    return Optional.ofNullable(lastError);
  }

  void status(VolumeStatus now) {
    if (status != now) {
      status = now;
      refresh();
    }
  }

  void usable(boolean tracked, boolean open) {
    usable = tracked && open;
  }

  void enter(IncrementState next) {
    state = state.to(next);
    if (state == IncrementState.IDLE) {
      trigger = null;
      incrementId = null;
      kind = null;
      startedAt = null;
      takenAt = null;
      storage = null;
      bytesTotal = 0;
      bytesDone = 0;
      payload = 0;
    } else if (state == IncrementState.RELEASING || state == IncrementState.ABORTING) {
      storage = null;
    } else if (state == IncrementState.EXPORTING) {
      rate = new RateMeter(clock);
    }
    refresh();
  }

  void started(Trigger by) {
    trigger = by;
    startedAt = clock.instant();
  }

  void taken(Instant at) {
    takenAt = at;
  }

  void storage(BackpressurePolicy.Decision seen) {
    storage = seen;
  }

  void planned(UUID id, IncrementPlan plan) {
    incrementId = id;
    kind = plan.kind();
    bytesTotal = plan.changedBytes();
    refresh();
  }

  void acknowledged(long bytes, int sent) {
    bytesDone += bytes;
    payload += sent;
    rate.reached(bytesDone);
    meters.acknowledged(bytes, sent);
    if (Duration.between(refreshed, clock.instant()).compareTo(REFRESH) >= 0) {
      refresh();
    }
  }

  void committed(IncrementCommitted manifest) {
    lastError = null;
    Instant now = clock.instant();
    record(
        new AttemptResult(
            Optional.of(manifest.getIncrementId()),
            Optional.of(manifest.getKind()),
            trigger == null ? Trigger.CALL : trigger,
            startedAt == null ? now : startedAt,
            Optional.of(manifest.getSnapshotTakenAt()),
            now,
            manifest.getChangedBytes(),
            manifest.getPayloadBytes(),
            Optional.empty()));
  }

  void committed(Optional<Checkpoint> checkpoint) {
    committedId = checkpoint.map(Checkpoint::getIncrementId).orElse(null);
    committedAt = checkpoint.map(Checkpoint::getCommittedAt).orElse(null);
    refresh();
  }

  void failed(String code, String message) {
    lastError = new Failure(code, message, clock.instant());
    refresh();
  }

  /** What keeps anything from being published at this moment; empty when that is over. */
  void trouble(Optional<String> message) {
    trouble = message.map(m -> new Failure("kafka-unavailable", m, clock.instant())).orElse(null);
    refresh();
  }

  /** What is wrong, and keeps nothing from its work. */
  void warning(Optional<Failure> what) {
    warning = what.orElse(null);
    refresh();
  }

  /** The attempt under way has come to nothing; its cause is the last error. */
  void gaveUp() {
    Instant now = clock.instant();
    record(
        new AttemptResult(
            Optional.ofNullable(incrementId),
            Optional.ofNullable(kind),
            trigger == null ? Trigger.CALL : trigger,
            startedAt == null ? now : startedAt,
            Optional.ofNullable(takenAt),
            now,
            bytesTotal,
            payload,
            Optional.ofNullable(lastError)));
  }

  void retryAt(Optional<Instant> at) {
    retryAt = at.orElse(null);
    refresh();
  }

  void nextAt(Optional<Instant> at) {
    nextAt = at.orElse(null);
    refresh();
  }

  private void record(AttemptResult attempt) {
    meters.finished(attempt);
    finished.addFirst(attempt);
    if (finished.size() > HISTORY) {
      finished.removeLast();
    }
    history = List.copyOf(finished);
  }

  private void refresh() {
    refreshed = clock.instant();
    progress = snapshot();
    listeners.forEach(listener -> listener.accept(progress));
  }

  private Progress snapshot() {
    long perSecond = state == IncrementState.EXPORTING ? rate.perSecond(bytesDone) : 0;
    return new Progress(
        volume,
        status,
        state,
        Optional.ofNullable(incrementId),
        Optional.ofNullable(kind),
        Optional.ofNullable(trigger).map(Trigger::label),
        bytesTotal,
        bytesDone,
        payload,
        perSecond,
        perSecond == 0
            ? Optional.empty()
            : Optional.of(Duration.ofSeconds((bytesTotal - bytesDone) / perSecond)),
        Optional.ofNullable(startedAt),
        Optional.ofNullable(retryAt),
        Optional.ofNullable(nextAt),
        Optional.ofNullable(trouble)
            .or(() -> Optional.ofNullable(lastError))
            .or(() -> Optional.ofNullable(warning)),
        Optional.ofNullable(committedId),
        Optional.ofNullable(committedAt));
  }
}
