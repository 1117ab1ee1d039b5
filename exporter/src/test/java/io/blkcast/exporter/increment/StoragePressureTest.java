package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.schema.VolumeEvent;
import io.blkcast.schema.VolumeEventType;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A difference storage that fills up while an increment is exported. */
class StoragePressureTest {

  private final Simulation simulation = new Simulation(7);
  private final Faults faults = new Faults(simulation.random);
  private final FakeSource source = new FakeSource(simulation, faults);
  private final FakeKafka kafka = new FakeKafka(simulation, faults, source);

  private SimulatedExporter exporter() {
    source.add("a", 64);
    source.write("a", 200);
    source.readTakes = Duration.ofMillis(100);
    return new SimulatedExporter(simulation, source, kafka, List.of("a"), Optional.empty());
  }

  private List<VolumeEvent> events(VolumeEventType type) {
    simulation.settle();
    return kafka.events.stream().filter(event -> event.getType() == type).toList();
  }

  @Test
  void an_increment_that_would_overflow_is_given_up_before_and_taken_anew_with_more_room() {
    source.storageLimit = 100_000;
    source.storageMost = 400_000;
    source.fillPerSecond = 100_000;
    SimulatedExporter exporter = exporter();
    Future<Committed> asked = exporter.increment("a");
    simulation.runUntil(asked::isComplete);

    assertThat(asked.succeeded()).isTrue();
    assertThat(kafka.replica("a")).isEqualTo(source.content("a"));
    List<AttemptResult> attempts = exporter.machine("a").monitor().history();
    assertThat(attempts).hasSizeGreaterThan(1);
    assertThat(attempts.get(attempts.size() - 1).failure().orElseThrow().code())
        .isEqualTo("source-no-space");
    assertThat(attempts.get(attempts.size() - 1).failure().orElseThrow().message())
        .contains("given up before the difference storage overflows");
    assertThat(source.storageLimit).isGreaterThan(100_000);
    assertThat(events(VolumeEventType.STORAGE_WATERMARK))
        .extracting(event -> event.getAttributes().get("pressure"))
        .contains("CRITICAL", "LOST");
    assertThat(events(VolumeEventType.NO_SPACE))
        .extracting(VolumeEvent::getMessage)
        .anyMatch(message -> message.contains("may hold 200000 bytes"));
    assertThat(source.openSnapshots).isZero();
    assertThat(exporter.shared.budget().used()).isZero();
    assertThat(exporter.shared.buffers().lent()).isZero();
  }

  @Test
  void where_no_more_room_may_be_had_it_says_what_to_do() {
    source.storageLimit = 100_000;
    source.storageMost = 100_000;
    source.fillPerSecond = 100_000;
    SimulatedExporter exporter = exporter();
    Future<Committed> asked = exporter.increment("a");
    simulation.runUntil(
        () ->
            kafka.events.stream()
                .anyMatch(
                    event ->
                        event.getMessage().toString().contains("raise differenceStorage.limit")
                            && event.getType() == VolumeEventType.NO_SPACE));
    assertThat(asked.isComplete()).as("tried again, as the load may be over by then").isFalse();
    source.fillPerSecond = 0;
    simulation.runUntil(asked::isComplete);
    assertThat(kafka.replica("a")).isEqualTo(source.content("a"));
  }

  @Test
  void an_increment_that_ends_in_time_is_not_disturbed_and_shows_how_it_stands() {
    source.storageLimit = 1_000_000;
    source.fillPerSecond = 1_000;
    SimulatedExporter exporter = exporter();
    VolumeMonitor monitor = exporter.machine("a").monitor();
    Future<Committed> asked = exporter.increment("a");
    simulation.runUntil(() -> monitor.untilFull().isPresent());
    assertThat(monitor.pressure()).contains("CALM");
    assertThat(monitor.storage().orElseThrow().limitBytes()).isEqualTo(1_000_000);
    simulation.runUntil(asked::isComplete);
    assertThat(monitor.history()).hasSize(1);
    assertThat(monitor.storage()).as("nothing is held any more").isEmpty();
    assertThat(events(VolumeEventType.STORAGE_WATERMARK)).isEmpty();
  }
}
