package io.blkcast.containers;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.images.builder.Transferable;
import org.testcontainers.utility.DockerImageName;

/**
 * Brokers, an exporter with one tracked disk that takes an increment every second, a replicator.
 */
final class Pipeline implements AutoCloseable {

  static final int DISK_BYTES = 16 << 20;
  static final String CHUNKS = "blkcast.chunks";

  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final String BOOTSTRAP = "kafka-1:9092,kafka-2:9092,kafka-3:9092";
  private static final String IMAGE = "/var/lib/blkcast/disk.img";
  private static final String CONFIG = "/etc/blkcast/exporter.yaml";
  private static final int REPORTED_LINES = 40;
  private static final int NBD = 10809;
  private static final int API = 8080;
  private static final int MANAGEMENT = 8081;

  final Brokers brokers;
  final GenericContainer<?> exporter;
  final GenericContainer<?> replicator;

  private final Network network = Containers.network();

  /** HTTP/1.1: at GOAWAY the client of JDK 17 drops the answers under way. */
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  Pipeline() throws IOException {
    ComposeFile compose = ComposeFile.ofThisProject();
    brokers = new Brokers(compose, network);
    Transferable config =
        Transferable.of(
            """
            kafka: { bootstrap.servers: "%s", request.timeout.ms: 5000 }
            topics: { replicationFactor: 3 }
            state: /var/lib/blkcast
            nbd: { listen: "0.0.0.0:%d" }
            http: { listen: "0.0.0.0:%d" }
            management: { listen: "0.0.0.0:%d" }
            volumes:
              - { name: disk, source: disk, path: %s, size: %d, triggers: { every: 1s } }
            """
                .formatted(BOOTSTRAP, NBD, API, MANAGEMENT, IMAGE, DISK_BYTES));
    exporter =
        new GenericContainer<>(DockerImageName.parse(compose.image("exporter")))
            .withNetwork(network)
            .withExposedPorts(NBD, API, MANAGEMENT)
            .withCopyToContainer(config, CONFIG)
            .waitingFor(Wait.forHealthcheck().withStartupTimeout(PATIENCE));
    replicator =
        new GenericContainer<>(DockerImageName.parse(compose.image("replicator")))
            .withNetwork(network)
            .withCopyToContainer(config, CONFIG)
            .withCommand("replicate", "--config", CONFIG, "--volume", "disk", "--target", IMAGE)
            .waitingFor(Wait.forHealthcheck().withStartupTimeout(PATIENCE));
  }

  void start() {
    brokers.start();
    exporter.start();
    replicator.start();
  }

  URI nbdUri() {
    return URI.create("nbd://127.0.0.1:" + Containers.port(exporter, NBD) + "/disk");
  }

  /** What the exporter says of the volume. */
  JsonNode volume() {
    String path = "/api/v1/volumes/disk";
    return new Json(
            Awaitility.await("an answer from " + path)
                .atMost(PATIENCE)
                .ignoreExceptions()
                .until(() -> get(API, path), answer -> answer.statusCode() == 200)
                .body())
        .node();
  }

  /** The state of all, for people. */
  String report() {
    StringBuilder text = new StringBuilder();
    try {
      text.append(get(API, "/api/v1/volumes/disk").body()).append('\n');
    } catch (RuntimeException e) {
      text.append("no answer from the exporter: ").append(e).append('\n');
    }
    append(text, "exporter", exporter);
    append(text, "replicator", replicator);
    brokers.ids().forEach(id -> append(text, "broker " + id, brokers.broker(id)));
    return text.toString();
  }

  private static void append(StringBuilder text, String name, GenericContainer<?> container) {
    String[] lines = container.getLogs().split("\n");
    text.append("-- ").append(name);
    text.append(Containers.isRunning(container) ? " runs" : " does not run").append('\n');
    for (int i = Math.max(0, lines.length - REPORTED_LINES); i < lines.length; i++) {
      text.append(lines[i]).append('\n');
    }
  }

  /** The last increment committed; empty before the first, and while a new exporter looks it up. */
  String committed() {
    return volume().path("progress").path("committedId").asText();
  }

  /** Waits until an increment is committed that is not this one. */
  void awaitCommitAfter(String committed) {
    Awaitility.await("an increment after " + committed)
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(200))
        .ignoreExceptions()
        .until(this::committed, now -> !now.isEmpty() && !now.equals(committed));
  }

  /** Waits until an increment has been begun, and is not committed. */
  void awaitUnderWay() {
    Awaitility.await("an increment is under way")
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(200))
        .ignoreExceptions()
        .until(() -> !volume().path("progress").path("state").asText("IDLE").equals("IDLE"));
  }

  /** Waits until {@code /readyz} says so. */
  void awaitReady() {
    Awaitility.await("exporter is ready")
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(200))
        .ignoreExceptions()
        .until(() -> get(MANAGEMENT, "/readyz").statusCode() == 200);
  }

  /** Waits until source and replica both hold what has this digest. */
  void awaitEqual(String expected) {
    Awaitility.await("the source is " + expected)
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(() -> digest(exporter).equals(expected));
    Awaitility.await("the replica is " + expected)
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(500))
        .ignoreExceptions()
        .until(() -> digest(replicator).equals(expected));
  }

  private static String digest(GenericContainer<?> container) {
    return Containers.run(container, "sha256sum", IMAGE).split(" ")[0];
  }

  /**
   * Has the replica proved from Kafka alone; increments are paused, as it must not change
   * meanwhile.
   */
  void awaitProof() {
    Containers.run(exporter, "blkcast", "pause", "disk");
    Awaitility.await("the replica is proved")
        .atMost(PATIENCE)
        .ignoreExceptions()
        .untilAsserted(
            () ->
                assertThat(
                        Containers.run(
                            replicator,
                            "blkcast",
                            "verify",
                            "--config",
                            CONFIG,
                            "--volume",
                            "disk",
                            "--target",
                            IMAGE))
                    .contains("identical"));
    Containers.run(exporter, "blkcast", "resume", "disk");
  }

  private HttpResponse<String> get(int port, String path) {
    URI uri = URI.create("http://127.0.0.1:" + Containers.port(exporter, port) + path);
    try {
      return http.send(
          HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(10)).build(),
          HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private record Json(String text) {
    JsonNode node() {
      try {
        return new ObjectMapper().readTree(text);
      } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
        throw new IllegalStateException(text, e);
      }
    }
  }

  @Override
  public void close() {
    replicator.stop();
    exporter.stop();
    brokers.close();
    network.close();
  }
}
