package io.blkcast.exporter;

import io.blkcast.codec.TopicNames;
import io.blkcast.config.HostPort;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.HookConfig;
import io.blkcast.exporter.config.VolumeConfig;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import io.blkcast.exporter.hook.HookSettings;
import io.blkcast.exporter.hook.Hooks;
import io.blkcast.exporter.http.ApiServer;
import io.blkcast.exporter.http.ManagementServer;
import io.blkcast.exporter.increment.BlockingPools;
import io.blkcast.exporter.increment.ExporterContext;
import io.blkcast.exporter.increment.Failure;
import io.blkcast.exporter.increment.GroupCoordinator;
import io.blkcast.exporter.increment.HostIdentity;
import io.blkcast.exporter.increment.IncrementSettings;
import io.blkcast.exporter.increment.Loop;
import io.blkcast.exporter.increment.LoopVerticle;
import io.blkcast.exporter.increment.Progress;
import io.blkcast.exporter.increment.Quiescer;
import io.blkcast.exporter.increment.Trigger;
import io.blkcast.exporter.increment.VolumeMachine;
import io.blkcast.exporter.publish.BrokerWatch;
import io.blkcast.exporter.publish.PublishSettings;
import io.blkcast.exporter.publish.Publishers;
import io.blkcast.exporter.publish.SignalListener;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.file.StateDirectory;
import io.blkcast.kafka.BrokerException;
import io.blkcast.schema.Signal;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;
import org.slf4j.MarkerFactory;

/** Puts an exporter together from its configuration, and takes it apart again. */
final class RunningExporter implements Exporter {

  private static final Logger LOG = LoggerFactory.getLogger(RunningExporter.class);
  private static final Marker PEER = MarkerFactory.getMarker("PEER");

  /** For each of ten steps of closing, most of which take milliseconds. */
  private static final long CLOSE_STEP_S = 6;

  private static final long API_GRACE_S = 2;

  /** Peers as health and metrics call them. */
  private static final String KAFKA = "kafka";

  private static final String REGISTRY = "schemaRegistry";

  private static final String SIGNALS = "signals";

  private final Vertx vertx;
  private final ExporterConfig config;
  private final StateDirectory state;
  private final Disks disks;
  private final Optional<Devices> devices;
  private final Map<String, IntentFile> intents;
  private final Map<String, HistoryFile> histories;
  private final PrometheusMeterRegistry meters =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final BlockingPools pools;
  private final ExporterContext shared;
  private final Publishers publishers;
  private final SignalListener signals;
  private final BrokerWatch watch;
  private final List<VolumeMachine> volumes = new ArrayList<>();
  private final List<HttpServer> servers = new ArrayList<>();
  private final Map<String, Probe> probes = new ConcurrentHashMap<>();
  private volatile Optional<String> clockProblem = Optional.empty();
  private @Nullable Future<Void> closing;

  private RunningExporter(
      Vertx vertx,
      ExporterConfig config,
      StateDirectory state,
      Disks disks,
      Optional<Devices> devices,
      Map<String, IntentFile> intents) {
    this.vertx = vertx;
    this.config = config;
    this.state = state;
    this.disks = disks;
    this.devices = devices;
    this.intents = intents;
    this.histories = histories(config);
    this.pools = new BlockingPools(config.volumes().size(), config.limits().readers(), meters);
    this.shared =
        ExporterContext.of(
            config.limits().inFlightBytes(),
            meters,
            HostIdentity.local(),
            InstantSource.system(),
            new SecureRandom());
    PublishSettings publishing = Publishing.settings(config);
    this.publishers =
        new Publishers(
            publishing,
            config.volumes().stream().map(Publishing::volume).toList(),
            Clock.systemUTC(),
            meters);
    this.signals =
        new SignalListener(
            publishing,
            publishers.codec(),
            Instant.now(),
            config.state().resolve("signals.positions"),
            this::signalled);
    this.watch = publishers.watch();
    meterMemory();
  }

  static Future<Exporter> start(Vertx vertx, ExporterConfig config) {
    // A future of a context would not be completed when a failed start has closed the event loops.
    Promise<Exporter> started = Promise.promise();
    vertx
        .executeBlocking(() -> opened(vertx, config))
        .onFailure(failure -> vertx.close().onComplete(closed -> started.fail(failure)))
        .onSuccess(
            exporter ->
                exporter
                    .assemble()
                    .onSuccess(ready -> started.complete(exporter))
                    .onFailure(
                        failure -> exporter.close().onComplete(closed -> started.fail(failure))));
    return started.future();
  }

  private static RunningExporter opened(Vertx vertx, ExporterConfig config)
      throws IOException, SourceException {
    StateDirectory state = Places.claim(config);
    try {
      Hooks.recover(hookState(config));
      return opened(vertx, config, state);
    } catch (IOException | SourceException | RuntimeException e) {
      state.close();
      throw e;
    }
  }

  private static RunningExporter opened(Vertx vertx, ExporterConfig config, StateDirectory state)
      throws IOException, SourceException {
    Optional<Devices> devices = Devices.open(config);
    try {
      Map<String, IntentFile> intents = intents(config);
      return new RunningExporter(vertx, config, state, Disks.open(vertx, config), devices, intents);
    } catch (IOException | RuntimeException e) {
      devices.ifPresent(Devices::close);
      throw e;
    }
  }

  private static Map<String, IntentFile> intents(ExporterConfig config) throws IOException {
    Map<String, IntentFile> intents = new HashMap<>();
    for (VolumeConfig volume : config.volumes()) {
      Path file = config.state().resolve(volume.name() + ".intent");
      intents.put(volume.name(), IntentFile.openOrAssume(file));
    }
    return intents;
  }

  private static Map<String, HistoryFile> histories(ExporterConfig config) {
    Map<String, HistoryFile> histories = new HashMap<>();
    for (VolumeConfig volume : config.volumes()) {
      Path file = config.state().resolve(volume.name() + ".history");
      histories.put(volume.name(), HistoryFile.open(file, volume.name(), InstantSource.system()));
    }
    return histories;
  }

  private HistoryFile historyOf(VolumeConfig volume) {
    HistoryFile history = histories.get(volume.name());
    if (history == null) {
      throw new IllegalStateException("no history of " + volume.name());
    }
    return history;
  }

  private IntentFile intentOf(VolumeConfig volume) {
    IntentFile intent = intents.get(volume.name());
    if (intent == null) {
      throw new IllegalStateException("no intent of " + volume.name());
    }
    return intent;
  }

  private ChangeSource source(VolumeConfig volume) {
    return volume.source() == SourceKind.DISK ? disks.source() : devices.orElseThrow();
  }

  private IncrementSettings increments(VolumeConfig volume) {
    return new IncrementSettings(
        volume.name(),
        volume.chunkBytes(),
        config.limits().inFlightBytesPerVolume(),
        config.limits().readers(),
        volume.triggers().every());
  }

  private void meterMemory() {
    new JvmMemoryMetrics().bindTo(meters);
    Gauge.builder("blkcast.in.flight", shared.budget(), b -> b.used())
        .description("Bytes read and not yet acknowledged, over all volumes")
        .baseUnit("bytes")
        .register(meters);
    Gauge.builder("blkcast.in.flight.limit", shared.budget(), b -> b.limit())
        .description("Most bytes that may be in flight")
        .baseUnit("bytes")
        .register(meters);
    Gauge.builder("blkcast.buffers", shared.buffers(), b -> b.allocated())
        .description("Bytes of read buffers, in use or not")
        .baseUnit("bytes")
        .register(meters);
    Gauge.builder("blkcast.buffers.lent", shared.buffers(), b -> b.lent())
        .description("Bytes of read buffers in use")
        .baseUnit("bytes")
        .register(meters);
  }

  private Future<Void> assemble() {
    try {
      publishers.checkSettings();
    } catch (BrokerException e) {
      return Future.failedFuture(e);
    }
    return deployVolumes()
        .compose(ignored -> disks.serve())
        .compose(ignored -> listen())
        .compose(ignored -> watch(KAFKA, () -> watch.check(this::seen), this::brokers))
        .compose(ignored -> watch(SIGNALS, signals::check, nothing -> {}))
        .compose(
            ignored ->
                publishers.hasRegistry()
                    ? watch(REGISTRY, publishers::checkRegistry, nothing -> {})
                    : Future.succeededFuture())
        .map(
            ignored -> {
              disks.source().listen(this::happened);
              devices.ifPresent(source -> source.listen(this::happened));
              volumes.forEach(VolumeMachine::start);
              signals.start();
              return null;
            });
  }

  /** Asks a peer for a sign of life from now on, for health and metrics. */
  private Future<Void> watch(
      String peer, Loop.Action question, Consumer<Optional<String>> changed) {
    return this.<Probe>deploy(loop -> new Probe(loop, peer, question, changed), Probe::close)
        .map(
            probe -> {
              probes.put(peer, probe);
              probe.start();
              Gauge.builder("blkcast.reachable", probe, p -> p.problem().isEmpty() ? 1 : 0)
                  .description("Whether a peer answers, or signals are listened for")
                  .tag("peer", peer)
                  .register(meters);
              return null;
            });
  }

  private void brokers(Optional<String> problem) {
    volumes.forEach(volume -> volume.brokers(problem));
  }

  /** From the thread that looks after the brokers. */
  private void seen(BrokerWatch.Seen seen) {
    Set<String> lost = new TreeSet<>(seen.renewed());
    TopicNames topics = Publishing.settings(config).topics();
    lost.retainAll(Set.of(topics.chunks(), topics.extents(), topics.increments()));
    if (!lost.isEmpty()) {
      String why =
          "topic " + String.join(", ", lost) + " was deleted and made anew, what it held is gone";
      volumes.forEach(volume -> volume.publishedLost(why));
    }
    if (!seen.clock().equals(clockProblem)) {
      boolean known = seen.clock().isPresent() && clockProblem.isPresent();
      clockProblem = seen.clock();
      if (!known) {
        seen.clock()
            .ifPresentOrElse(
                problem -> LOG.warn("{}", problem),
                () -> LOG.info("the clock agrees with the brokers' again"));
      }
      Optional<Failure> warning =
          seen.clock().map(problem -> new Failure("clock", problem, Instant.now()));
      volumes.forEach(volume -> volume.warn(warning));
    }
  }

  private Optional<String> problem(String peer) {
    return Optional.ofNullable(probes.get(peer)).flatMap(Probe::problem);
  }

  private Future<Void> listen() {
    HostPort api = config.http();
    HostPort management = config.management();
    return new ApiServer(vertx, volumes, config.apiTokens())
        .listen(api.host(), api.port())
        .onSuccess(servers::add)
        .compose(
            ignored ->
                new ManagementServer(
                        vertx,
                        volumes,
                        meters,
                        Map.of(KAFKA, () -> problem(KAFKA), SIGNALS, () -> problem(SIGNALS)),
                        Map.of(REGISTRY, () -> problem(REGISTRY), "clock", () -> clockProblem))
                    .listen(management.host(), management.port()))
        .onSuccess(servers::add)
        .mapEmpty();
  }

  /** Volumes of one group share a coordinator; a volume without a group has its own. */
  private Future<Void> deployVolumes() {
    Map<String, List<VolumeConfig>> groups = new LinkedHashMap<>();
    for (VolumeConfig volume : config.volumes()) {
      String key = volume.group().map(name -> "group " + name).orElse("volume " + volume.name());
      groups.computeIfAbsent(key, ignored -> new ArrayList<>()).add(volume);
    }
    Future<Void> deployed = Future.succeededFuture();
    for (List<VolumeConfig> members : groups.values()) {
      deployed =
          deployed
              .compose(
                  ignored ->
                      deploy(
                          loop ->
                              new GroupCoordinator(
                                  loop, source(members.get(0)), shared.ids(), quiescer(members)),
                          coordinator -> Future.succeededFuture()))
              .compose(coordinator -> deployMembers(coordinator, members));
    }
    return deployed;
  }

  private Quiescer quiescer(List<VolumeConfig> members) {
    String name = members.get(0).group().orElse(members.get(0).name());
    return config.hooks().stream()
        .filter(hook -> hook.name().equals(name))
        .filter(hook -> hook.group().equals(members.get(0).group()))
        .findFirst()
        .<Quiescer>map(hook -> new Hooks(hooks(hook)))
        .orElse(Quiescer.NONE);
  }

  private HookSettings hooks(HookConfig hook) {
    return new HookSettings(
        hook.name(),
        hook.before(),
        hook.after(),
        hook.timeout(),
        hook.limit(),
        hook.level() == HookConfig.Level.FILESYSTEM
            ? Quiescer.Level.FILESYSTEM
            : Quiescer.Level.APPLICATION,
        hook.required(),
        hookState(config));
  }

  private static Path hookState(ExporterConfig config) {
    return config.state().resolve("hooks");
  }

  private Future<Void> deployMembers(GroupCoordinator coordinator, List<VolumeConfig> members) {
    Future<Void> deployed = Future.succeededFuture();
    for (VolumeConfig volume : members) {
      deployed =
          deployed
              .compose(
                  ignored ->
                      deploy(
                          loop ->
                              new VolumeMachine(
                                  loop,
                                  increments(volume),
                                  shared,
                                  source(volume),
                                  publishers.volume(volume.name()),
                                  coordinator,
                                  intentOf(volume),
                                  historyOf(volume)),
                          VolumeMachine::close))
              .map(
                  machine -> {
                    volumes.add(machine);
                    return null;
                  });
    }
    return deployed;
  }

  private <T> Future<T> deploy(Function<Loop, T> factory, Function<T, Future<Void>> closer) {
    LoopVerticle<T> verticle =
        new LoopVerticle<>(pools, factory, closer, Duration.ofSeconds(CLOSE_STEP_S));
    return vertx.deployVerticle(verticle).map(ignored -> verticle.inhabitant());
  }

  private void happened(SourceEvent event) {
    VolumeMachine.find(volumes, event.volume()).ifPresent(volume -> volume.happened(event));
  }

  private void signalled(Signal signal) {
    VolumeMachine.find(volumes, signal.getVolume()).ifPresent(volume -> obey(signal, volume));
  }

  private static void obey(Signal signal, VolumeMachine volume) {
    switch (signal.getAction()) {
      case INCREMENT -> asked(volume, volume.request(Trigger.SIGNAL, false));
      case RESYNC -> asked(volume, volume.request(Trigger.SIGNAL, true));
      case PAUSE -> volume.pause();
      case RESUME -> volume.resume();
      case UNKNOWN -> LOG.warn(PEER, "{}: signal of an unknown kind, ignored", volume.volume());
    }
  }

  private static void asked(VolumeMachine volume, Future<Committed> increment) {
    increment.onFailure(
        refusal -> LOG.warn(PEER, "{}: signal not met: {}", volume.volume(), refusal.getMessage()));
  }

  private VolumeMachine machine(String volume) {
    return VolumeMachine.find(volumes, volume)
        .orElseThrow(() -> new IllegalArgumentException("there is no volume '" + volume + "'"));
  }

  @Override
  public Future<Void> ready() {
    return Future.all(volumes.stream().map(VolumeMachine::ready).toList()).mapEmpty();
  }

  @Override
  public Future<Void> alive() {
    return Future.all(volumes.stream().map(VolumeMachine::settled).toList()).mapEmpty();
  }

  @Override
  public List<String> volumes() {
    return volumes.stream().map(VolumeMachine::volume).toList();
  }

  @Override
  public Future<Committed> increment(String volume) {
    return machine(volume).request(Trigger.CALL, false);
  }

  @Override
  public Future<Committed> resync(String volume) {
    return machine(volume).request(Trigger.CALL, true);
  }

  @Override
  public Future<Void> pause(String volume) {
    return machine(volume).pause();
  }

  @Override
  public Future<Void> resume(String volume) {
    return machine(volume).resume();
  }

  @Override
  public Progress progress(String volume) {
    return machine(volume).monitor().progress();
  }

  @Override
  public HostPort apiAddress() {
    return new HostPort(config.http().host(), servers.get(0).actualPort());
  }

  @Override
  public HostPort managementAddress() {
    return new HostPort(config.management().host(), servers.get(1).actualPort());
  }

  @Override
  public Optional<URI> nbdUri(String volume) {
    return disks.uri(volume);
  }

  @Override
  public synchronized Future<Void> close() {
    if (closing == null) {
      closing = takeApart();
    }
    return closing;
  }

  /**
   * What uses something is ended before what it uses; who waits for an increment at the API is
   * told. A step that fails or hangs holds none up.
   */
  private Future<Void> takeApart() {
    // A future of a context would be completed on an event loop that is gone by then.
    Promise<Void> closed = Promise.promise();
    step("signals", blocking(signals::close))
        .compose(
            ignored ->
                step(
                    "volumes",
                    Future.join(volumes.stream().map(VolumeMachine::close).toList()).mapEmpty()))
        .compose(
            ignored ->
                step(
                    "API",
                    Future.join(servers.stream().map(RunningExporter::shutdown).toList())
                        .mapEmpty()))
        .compose(ignored -> step("NBD", disks.stopServing()))
        .compose(ignored -> step("disks", disks.close()))
        .compose(ignored -> step("devices", blocking(() -> devices.ifPresent(Devices::close))))
        .compose(ignored -> step("publishers", blocking(publishers::close)))
        .compose(ignored -> step("watch", blocking(watch::close)))
        .compose(ignored -> step("pools", blocking(pools::close)))
        .compose(ignored -> step("state directory", blocking(this::leaveState)))
        .onComplete(ignored -> vertx.close().onComplete(ended -> closed.tryComplete()));
    return closed.future();
  }

  private void leaveState() {
    try {
      state.close();
    } catch (IOException e) {
      // The lock ends with the process at the latest.
      LOG.warn("{} stays locked: {}", config.state(), e.toString());
    }
  }

  /** Lets answers under way be written; streams are cut off. */
  private static Future<Void> shutdown(HttpServer server) {
    return server.shutdown(API_GRACE_S, TimeUnit.SECONDS);
  }

  private Future<Void> blocking(Runnable task) {
    Callable<Boolean> callable =
        () -> {
          task.run();
          return true;
        };
    return vertx.executeBlocking(callable, false).mapEmpty();
  }

  private static Future<Void> step(String what, Future<Void> ending) {
    return ending
        .timeout(CLOSE_STEP_S, TimeUnit.SECONDS)
        .recover(
            failure -> {
              LOG.warn("closing the {}: {}", what, failure.toString());
              return Future.succeededFuture();
            });
  }
}
