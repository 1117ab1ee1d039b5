package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.Snapshot.StorageUsage;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;

/**
 * The figures of one volume, by Micrometer's conventions: base units, dots, no unit in the name.
 */
final class VolumeMeters {

  private final String volume;
  private final MeterRegistry registry;
  private final Counter bytes;
  private final Counter payload;

  VolumeMeters(String volume, VolumeMonitor monitor, MeterRegistry registry) {
    this.volume = volume;
    this.registry = registry;
    bytes = counter("blkcast.exported", "Plain bytes acknowledged by Kafka, zeroes included");
    payload = counter("blkcast.published", "Bytes of payload acknowledged by Kafka");
    for (IncrementState state : IncrementState.values()) {
      Gauge.builder("blkcast.increment.state", monitor, m -> m.progress().state() == state ? 1 : 0)
          .description("1 for the state that the volume's increment is in")
          .tag("volume", volume)
          .tag("state", state.name())
          .register(registry);
    }
    for (VolumeStatus status : VolumeStatus.values()) {
      Gauge.builder("blkcast.volume.status", monitor, m -> m.progress().status() == status ? 1 : 0)
          .description("1 for the status that the volume is in")
          .tag("volume", volume)
          .tag("status", status.name())
          .register(registry);
    }
    gauge(
        "blkcast.increment.total",
        monitor,
        m -> m.progress().bytesTotal(),
        "bytes",
        "Bytes of the increment under way");
    gauge(
        "blkcast.increment.done",
        monitor,
        m -> m.progress().bytesDone(),
        "bytes",
        "Bytes of it that Kafka has acknowledged");
    gauge(
        "blkcast.increment.rate",
        monitor,
        m -> m.progress().bytesPerSecond(),
        "bytes_per_second",
        "Rate of the increment under way");
    gauge(
        "blkcast.difference.storage.used",
        monitor,
        m -> m.storage().map(StorageUsage::usedBytes).orElse(0L),
        "bytes",
        "Old data held for the snapshot; 0 while there is none");
    gauge(
        "blkcast.difference.storage.limit",
        monitor,
        m -> m.storage().map(StorageUsage::limitBytes).orElse(0L),
        "bytes",
        "Most old data that may be held for the snapshot; 0 while there is none");
    gauge(
        "blkcast.committed.timestamp",
        monitor,
        m -> m.progress().committedAt().map(at -> at.toEpochMilli() / 1000.0).orElse(0.0),
        "seconds",
        "When the last increment was committed, since 1970; 0 if none was");
  }

  void acknowledged(long plain, int sent) {
    bytes.increment(plain);
    payload.increment(sent);
  }

  void finished(AttemptResult attempt) {
    Timer.builder("blkcast.increment")
        .description("Attempts at increments, from trigger to end")
        .tag("volume", volume)
        .tag("outcome", attempt.failure().map(Failure::code).orElse("committed"))
        .register(registry)
        .record(Duration.between(attempt.startedAt(), attempt.finishedAt()));
  }

  private Counter counter(String name, String description) {
    return Counter.builder(name)
        .description(description)
        .baseUnit("bytes")
        .tag("volume", volume)
        .register(registry);
  }

  private void gauge(
      String name,
      VolumeMonitor monitor,
      java.util.function.ToDoubleFunction<VolumeMonitor> value,
      String unit,
      String description) {
    Gauge.builder(name, monitor, value)
        .description(description)
        .baseUnit(unit)
        .tag("volume", volume)
        .register(registry);
  }
}
