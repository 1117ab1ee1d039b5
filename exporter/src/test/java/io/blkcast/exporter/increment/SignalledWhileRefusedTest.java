package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.VolumeEvent;
import io.blkcast.schema.VolumeEventType;
import io.vertx.core.Future;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Nobody waits for the answer to a signal: what is not met now is remembered, or told of. */
class SignalledWhileRefusedTest {

  private final Simulation simulation = new Simulation(7);
  private final Faults faults = new Faults(simulation.random);
  private final FakeSource source = new FakeSource(simulation, faults);
  private final FakeKafka kafka = new FakeKafka(simulation, faults, source);
  private final Map<String, Intent> intents = new HashMap<>();

  private SimulatedExporter exporter() {
    return new SimulatedExporter(
        simulation, source, kafka, List.of("a"), Optional.empty(), intents);
  }

  private <T> T done(Future<T> future) {
    simulation.runUntil(future::isComplete);
    return future.result();
  }

  private List<VolumeEvent> events(VolumeEventType type) {
    return kafka.events.stream().filter(event -> event.getType() == type).toList();
  }

  private IncrementKind last() {
    var committed = kafka.committed("a");
    return committed.get(committed.size() - 1).manifest().getKind();
  }

  @Test
  void a_baseline_signalled_while_paused_is_taken_when_resumed() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter();
    done(exporter.increment("a"));
    done(exporter.machine("a").pause());
    exporter.machine("a").request(Trigger.SIGNAL, true);
    simulation.runUntil(() -> events(VolumeEventType.PAUSED).size() == 2);
    assertThat(events(VolumeEventType.PAUSED).get(1).getMessage())
        .contains("a BASELINE was asked for by a signal; it is taken when the volume is resumed");
    simulation.run(10_000);
    assertThat(kafka.committed("a")).hasSize(1);
    exporter.machine("a").resume();
    simulation.runUntil(() -> kafka.committed("a").size() == 2);
    assertThat(last()).isEqualTo(IncrementKind.BASELINE);
    simulation.runUntil(() -> intents.get("a").equals(Intent.NONE));
    assertThat(done(exporter.increment("a")).manifest().getKind()).isEqualTo(IncrementKind.DELTA);
  }

  @Test
  void it_is_remembered_over_a_restart() {
    source.add("a", 8);
    SimulatedExporter first = exporter();
    done(first.increment("a"));
    done(first.machine("a").pause());
    first.machine("a").request(Trigger.SIGNAL, true);
    simulation.runUntil(() -> intents.get("a").equals(new Intent(true, true)));
    simulation.crash();
    source.crash();
    SimulatedExporter second = exporter();
    simulation.runUntil(second.machine("a").ready()::isComplete);
    simulation.run(10_000);
    assertThat(kafka.committed("a")).as("still paused").hasSize(1);
    second.machine("a").resume();
    simulation.runUntil(() -> kafka.committed("a").size() == 2);
    assertThat(last()).isEqualTo(IncrementKind.BASELINE);
  }

  @Test
  void a_baseline_signalled_before_a_pause_outlives_it() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter();
    done(exporter.increment("a"));
    Future<Committed> increment = exporter.increment("a");
    simulation.runUntil(
        () ->
            exporter.machine("a").monitor().progress().state() == IncrementState.EXPORTING
                || increment.isComplete());
    exporter.machine("a").request(Trigger.SIGNAL, true);
    done(exporter.machine("a").pause());
    done(increment);
    int before = kafka.committed("a").size();
    exporter.machine("a").resume();
    simulation.runUntil(() -> kafka.committed("a").size() == before + 1);
    assertThat(last()).isEqualTo(IncrementKind.BASELINE);
  }

  @Test
  void an_increment_signalled_while_paused_is_answered_by_an_event() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter();
    done(exporter.increment("a"));
    done(exporter.machine("a").pause());
    exporter.machine("a").request(Trigger.SIGNAL, false);
    simulation.runUntil(() -> events(VolumeEventType.PAUSED).size() == 2);
    assertThat(events(VolumeEventType.PAUSED).get(1).getMessage())
        .contains("is not taken")
        .contains("resume the volume first");
    exporter.machine("a").resume();
    simulation.run(10_000);
    assertThat(kafka.committed("a")).as("not remembered").hasSize(1);
  }

  @Test
  void one_overflow_is_told_once() {
    source.add("a", 64);
    source.storageLimit = 1_000_000;
    source.storageMost = 4_000_000;
    SimulatedExporter exporter = exporter();
    Future<Committed> increment = exporter.increment("a");
    VolumeMachine machine = exporter.machine("a");
    simulation.runUntil(() -> machine.monitor().progress().state() == IncrementState.EXPORTING);
    machine.happened(new SourceEvent.NoSpace("a", simulation.now(), 4096));
    machine.happened(new SourceEvent.Corrupted("a", simulation.now(), "overflow"));
    machine.happened(new SourceEvent.NoSpace("a", simulation.now(), 4096));
    done(increment);
    simulation.run(10_000);
    assertThat(machine.monitor().history()).as("given up and taken anew").hasSize(2);
    assertThat(events(VolumeEventType.SNAPSHOT_CORRUPTED)).hasSize(1);
    assertThat(events(VolumeEventType.NO_SPACE))
        .singleElement()
        .satisfies(
            event ->
                assertThat(event.getAttributes())
                    .containsEntry("requested_bytes", "4096")
                    .containsKey("limit_bytes"));
  }

  @Test
  void what_is_gone_from_kafka_is_published_anew_as_a_whole() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter();
    done(exporter.increment("a"));
    exporter.machine("a").publishedLost("topic x was deleted and made anew");
    simulation.runUntil(() -> kafka.committed("a").size() == 2);
    assertThat(last()).isEqualTo(IncrementKind.BASELINE);
    assertThat(events(VolumeEventType.RESYNC_NEEDED)).hasSize(1);
  }
}
