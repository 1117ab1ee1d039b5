package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.vertx.core.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/**
 * Everything may fail at every step, in any order of events, and processes die. The fakes hold that
 * only whole snapshots are ever committed, in order; this holds that it always goes on afterwards.
 */
class VolumeMachinePropertyTest {

  private static final List<String> VOLUMES = List.of("a", "b");

  @Property(tries = 400)
  void whatever_fails_only_snapshots_are_committed_and_nothing_gets_stuck(
      @ForAll long seed, @ForAll boolean group) {
    Simulation simulation = new Simulation(seed);
    Faults faults = new Faults(simulation.random);
    FakeSource source = new FakeSource(simulation, faults);
    FakeKafka kafka = new FakeKafka(simulation, faults, source);
    List<String> volumes = group ? VOLUMES : VOLUMES.subList(0, 1);
    volumes.forEach(volume -> source.add(volume, 5 + simulation.random.nextInt(20)));
    SimulatedExporter exporter = exporter(simulation, source, kafka, volumes);

    for (int round = 0; round < 12; round++) {
      faults.probability(simulation.random.nextInt(4) * 0.03);
      for (String volume : volumes) {
        tamper(simulation, source, kafka, volume);
        source.write(volume, simulation.random.nextInt(8));
        if (simulation.random.nextInt(10) == 0) {
          source.loseHistory(volume);
        }
        exporter.machine(volume).request(Trigger.CALL, simulation.random.nextInt(12) == 0);
      }
      simulation.mortality(simulation.random.nextInt(3) * 0.05);
      boolean died = false;
      try {
        simulation.run(simulation.random.nextInt(400));
      } catch (Simulation.Died end) {
        died = true;
      }
      simulation.mortality(0);
      if (died || simulation.random.nextInt(6) == 0) {
        simulation.crash();
        source.crash();
        exporter = exporter(simulation, source, kafka, volumes);
      }
    }

    faults.probability(0);
    List<Future<Committed>> last = new ArrayList<>();
    for (String volume : volumes) {
      exporter.machine(volume).resume();
      last.add(exporter.increment(volume));
    }
    simulation.runUntil(() -> last.stream().allMatch(Future::isComplete));
    simulation.settle();
    for (String volume : volumes) {
      assertThat(kafka.replica(volume)).isEqualTo(source.content(volume));
      assertThat(exporter.machine(volume).monitor().progress().state())
          .isEqualTo(IncrementState.IDLE);
      assertThat(exporter.machine(volume).monitor().progress().lastError()).isEmpty();
    }
    assertThat(exporter.shared.budget().used()).as("nothing in flight").isZero();
    assertThat(exporter.shared.buffers().lent()).as("all buffers given back").isZero();
    assertThat(source.openSnapshots).as("no snapshot left").isZero();
  }

  /** What backups, administrators and strangers do: none of it may make a DELTA that is not one. */
  private static void tamper(
      Simulation simulation, FakeSource source, FakeKafka kafka, String volume) {
    if (kafka.checkpoint(volume).isEmpty()) {
      return;
    }
    switch (simulation.random.nextInt(40)) {
      case 0 -> kafka.forge(volume);
      case 1 -> kafka.loseCheckpoint(volume);
      case 2 -> kafka.garbage(volume);
      case 3 -> kafka.intrude(volume);
      case 4 -> source.histories.remove(volume);
      default -> {
        // Mostly nobody does anything.
      }
    }
  }

  private static SimulatedExporter exporter(
      Simulation simulation, FakeSource source, FakeKafka kafka, List<String> volumes) {
    return new SimulatedExporter(simulation, source, kafka, volumes, Optional.empty());
  }
}
