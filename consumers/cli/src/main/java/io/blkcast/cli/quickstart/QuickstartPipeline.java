package io.blkcast.cli.quickstart;

import io.blkcast.client.Follower;
import io.blkcast.client.FollowerConfig;
import io.blkcast.client.FollowerListener;
import io.blkcast.client.IncrementException;
import io.blkcast.config.ConfigException;
import io.blkcast.exporter.Exporter;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.replicator.ReplicaState;
import io.blkcast.replicator.ReplicaVerifier;
import io.blkcast.replicator.Replicator;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.testkit.EmbeddedBroker;
import io.vertx.core.Future;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Broker, exporter with one tracked disk, and replicator, in this process. Methods block; {@link
 * #close} may be called from any thread and takes everything down, last started first.
 */
final class QuickstartPipeline implements AutoCloseable {

  static final String VOLUME = "quickstart";

  private static final Logger LOG = LoggerFactory.getLogger(QuickstartPipeline.class);
  private static final Duration START = Duration.ofSeconds(60);

  private final Path disk;
  private final Path replica;
  private final EmbeddedBroker broker;
  private final Exporter exporter;
  private final Replicator replicator;
  private final FollowerConfig following;
  private final Applied applied;
  private final Deque<AutoCloseable> running;

  private QuickstartPipeline(
      Path disk,
      Path replica,
      EmbeddedBroker broker,
      Exporter exporter,
      Replicator replicator,
      FollowerConfig following,
      Applied applied,
      Deque<AutoCloseable> running) {
    this.disk = disk;
    this.replica = replica;
    this.broker = broker;
    this.exporter = exporter;
    this.replicator = replicator;
    this.following = following;
    this.applied = applied;
    this.running = running;
  }

  /**
   * Starts all three.
   *
   * @param dir for the replica, the broker's data and the exporter's state
   * @param disk image to track
   * @param sizeBytes size of the image where it is to be made; 0 where it exists
   */
  static QuickstartPipeline start(Path dir, Path disk, long sizeBytes, FollowerListener listener)
      throws IOException, InterruptedException, IncrementException {
    Deque<AutoCloseable> running = new ArrayDeque<>();
    try {
      Files.createDirectories(dir);
      EmbeddedBroker broker = EmbeddedBroker.builder().dataDir(dir.resolve("broker")).build();
      running.push(broker);
      broker.start();
      Exporter exporter =
          await(Exporter.start(config(dir, disk, sizeBytes, broker.bootstrapServers())), START);
      running.push(() -> await(exporter.close(), START));
      await(exporter.ready(), START);
      FollowerConfig following =
          FollowerConfig.of(VOLUME, Map.of("bootstrap.servers", broker.bootstrapServers()));
      Path replica = dir.resolve("replica.img");
      Applied applied = new Applied(listener);
      Replicator replicator =
          Replicator.start(
              following,
              replica,
              ReplicaState.defaultFile(replica),
              false,
              applied,
              Follower.Until.CLOSED);
      running.push(replicator);
      return new QuickstartPipeline(
          disk, replica, broker, exporter, replicator, following, applied, running);
    } catch (IOException | InterruptedException | IncrementException | RuntimeException e) {
      closeAll(running);
      throw e;
    }
  }

  private static ExporterConfig config(Path dir, Path disk, long sizeBytes, String brokers)
      throws IOException {
    String yaml =
        """
        kafka: { bootstrap.servers: "%s" }
        topics: { replicationFactor: 1 }
        volumes:
          - name: %s
            source: disk
            path: %s
        %s    differenceStorage: { path: %s }
        nbd: { listen: "127.0.0.1:0" }
        http: { listen: "127.0.0.1:0" }
        management: { listen: "127.0.0.1:0" }
        state: %s
        """
            .formatted(
                brokers,
                VOLUME,
                quoted(disk),
                sizeBytes == 0 ? "" : "    size: " + sizeBytes + "\n",
                quoted(dir.resolve("difference-storage")),
                quoted(dir.resolve("exporter")));
    try {
      return ExporterConfig.parse("quickstart", yaml, Map.of());
    } catch (ConfigException e) {
      throw new IOException("the quickstart's own configuration is refused: " + e.getMessage(), e);
    }
  }

  private static String quoted(Path path) {
    return "'" + path.toAbsolutePath().toString().replace("'", "''") + "'";
  }

  Path disk() {
    return disk;
  }

  Path replica() {
    return replica;
  }

  Exporter exporter() {
    return exporter;
  }

  String bootstrapServers() {
    return broker.bootstrapServers();
  }

  URI nbdUri() {
    return exporter.nbdUri(VOLUME).orElseThrow();
  }

  /** Takes an increment; completes when it is committed. */
  Future<Committed> increment() {
    return exporter.increment(VOLUME);
  }

  /**
   * Waits until the replica has applied an increment.
   *
   * @throws IncrementException where the replicator has failed instead
   */
  void awaitApplied(IncrementCommitted manifest) throws IncrementException, InterruptedException {
    while (!applied.await(manifest.getIncrementId(), Duration.ofSeconds(1))) {
      if (replicator.isDone()) {
        replicator.await();
        throw new IllegalStateException("the replicator has ended");
      }
    }
  }

  /** Proves the replica from what is in Kafka. */
  ReplicaVerifier.Result verify() throws IncrementException {
    return new ReplicaVerifier(following, replica, ReplicaState.defaultFile(replica), bytes -> {})
        .verify();
  }

  /** Waits for a future, failing with its cause. */
  static <T> T await(Future<T> future, Duration timeout) throws IOException, InterruptedException {
    try {
      return future
          .toCompletionStage()
          .toCompletableFuture()
          .get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IOException(String.valueOf(e.getCause()), e.getCause());
    } catch (TimeoutException e) {
      throw new IOException("no answer within " + timeout, e);
    }
  }

  @Override
  public void close() {
    closeAll(running);
  }

  private static void closeAll(Deque<AutoCloseable> running) {
    synchronized (running) {
      while (!running.isEmpty()) {
        try {
          running.pop().close();
        } catch (Exception e) {
          LOG.warn("not closed cleanly: {}", e.toString());
        }
      }
    }
  }

  /** Remembers what was applied. */
  private static final class Applied implements FollowerListener {
    private final FollowerListener next;
    private final Set<UUID> ids = new HashSet<>();

    Applied(FollowerListener next) {
      this.next = next;
    }

    @Override
    public synchronized void applied(IncrementCommitted manifest) {
      ids.add(manifest.getIncrementId());
      notifyAll();
      next.applied(manifest);
    }

    @Override
    public void progress(IncrementCommitted manifest, Phase phase, long bytes) {
      next.progress(manifest, phase, bytes);
    }

    synchronized boolean await(UUID id, Duration timeout) throws InterruptedException {
      long deadline = System.nanoTime() + timeout.toNanos();
      while (!ids.contains(id)) {
        long left = (deadline - System.nanoTime()) / 1_000_000;
        if (left <= 0) {
          return false;
        }
        wait(left);
      }
      return true;
    }
  }
}
