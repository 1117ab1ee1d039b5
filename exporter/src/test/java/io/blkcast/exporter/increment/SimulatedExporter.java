package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.source.SourceEvent;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** An exporter's volumes on a simulation, all in one group. */
final class SimulatedExporter {

  /** Small beside the volumes, so that chunks are cut, bounds are met and volumes wait in line. */
  static final int CHUNK = 2 * FakeSource.BLOCK;

  static final long IN_FLIGHT = 3 * CHUNK;

  final List<VolumeMachine> machines = new ArrayList<>();
  final ExporterContext shared;

  SimulatedExporter(
      Simulation simulation,
      FakeSource source,
      FakeKafka kafka,
      List<String> volumes,
      Optional<Duration> every) {
    this(simulation, source, kafka, volumes, every, new HashMap<>());
  }

  /**
   * @param intents of volumes, kept from one exporter to the next
   */
  SimulatedExporter(
      Simulation simulation,
      FakeSource source,
      FakeKafka kafka,
      List<String> volumes,
      Optional<Duration> every,
      Map<String, Intent> intents) {
    this(simulation, source, kafka, volumes, every, intents, shared(simulation));
  }

  /** One volume, taken when asked for, read into those buffers. */
  SimulatedExporter(
      Simulation simulation,
      FakeSource source,
      FakeKafka kafka,
      BufferPool buffers,
      String volume) {
    this(
        simulation,
        source,
        kafka,
        List.of(volume),
        Optional.empty(),
        new HashMap<>(),
        with(buffers, shared(simulation)));
  }

  private static ExporterContext shared(Simulation simulation) {
    return ExporterContext.of(
        IN_FLIGHT,
        new SimpleMeterRegistry(),
        new HostIdentity("host", "boot"),
        simulation.clock(),
        simulation.random);
  }

  private static ExporterContext with(BufferPool buffers, ExporterContext rest) {
    return new ExporterContext(
        rest.budget(), buffers, rest.meters(), rest.host(), rest.random(), rest.ids());
  }

  private SimulatedExporter(
      Simulation simulation,
      FakeSource source,
      FakeKafka kafka,
      List<String> volumes,
      Optional<Duration> every,
      Map<String, Intent> intents,
      ExporterContext shared) {
    this.shared = shared;
    GroupCoordinator group =
        new GroupCoordinator(simulation.loop(), source, shared.ids(), Quiescer.NONE);
    for (String volume : volumes) {
      machines.add(
          new VolumeMachine(
              simulation.loop(),
              new IncrementSettings(volume, CHUNK, 2 * CHUNK, 2, every),
              shared,
              source,
              kafka.publisher(volume),
              group,
              new KeptIntent(simulation, intents, volume),
              new KeptHistory(simulation, source.histories, volume)));
    }
    source.listen(this::happened);
    machines.forEach(VolumeMachine::start);
  }

  private void happened(SourceEvent event) {
    machine(event.volume()).happened(event);
  }

  private record KeptIntent(Simulation simulation, Map<String, Intent> all, String volume)
      implements Intent.Store {
    @Override
    public Intent current() {
      return all.getOrDefault(volume, Intent.NONE);
    }

    @Override
    public void save(Intent intent) {
      simulation.mustBeInPool();
      all.put(volume, intent);
    }
  }

  private record KeptHistory(Simulation simulation, Map<String, VolumeHistory> all, String volume)
      implements VolumeHistory.Store {
    @Override
    public VolumeHistory current() {
      return all.getOrDefault(volume, VolumeHistory.NONE);
    }

    @Override
    public void save(VolumeHistory history) {
      simulation.mustBeInPool();
      simulation.mayDie();
      all.put(volume, history);
      simulation.mayDie();
    }
  }

  VolumeMachine machine(String volume) {
    return VolumeMachine.find(machines, volume).orElseThrow();
  }

  Future<Committed> increment(String volume) {
    return machine(volume).request(Trigger.CALL, false);
  }
}
