package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.source.SourceEvent;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** An exporter's volumes on a simulation, all in one group. */
final class SimulatedExporter {

  /** Small beside the volumes, so that chunks are cut, bounds are met and volumes wait in line. */
  static final int CHUNK = 2 * FakeSource.BLOCK;

  static final long IN_FLIGHT = 3 * CHUNK;

  final List<VolumeMachine> machines = new ArrayList<>();
  final Shared shared;

  SimulatedExporter(
      Simulation simulation,
      FakeSource source,
      FakeKafka kafka,
      List<String> volumes,
      Optional<Duration> every) {
    shared =
        Shared.of(
            IN_FLIGHT,
            new SimpleMeterRegistry(),
            new Host("host", "boot"),
            simulation.clock(),
            simulation.random);
    GroupCoordinator group = new GroupCoordinator(simulation.loop(), source, shared.ids());
    for (String volume : volumes) {
      machines.add(
          new VolumeMachine(
              simulation.loop(),
              new IncrementSettings(volume, CHUNK, 2 * CHUNK, 2, every),
              shared,
              source,
              kafka.publisher(volume),
              group));
    }
    source.listen(this::happened);
    machines.forEach(VolumeMachine::start);
  }

  private void happened(SourceEvent event) {
    machine(event.volume()).happened(event);
  }

  VolumeMachine machine(String volume) {
    return VolumeMachine.find(machines, volume).orElseThrow();
  }

  Future<Committed> increment(String volume) {
    return machine(volume).request(Trigger.CALL, false);
  }
}
