package io.blkcast.exporter;

import io.blkcast.exporter.config.ExporterConfig;
import io.vertx.core.Future;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** One volume in a directory, and how to get at it; used by tests with a broker. */
final class Scene {

  /** HTTP/1.1: at GOAWAY the client of JDK 17 drops the answers under way. */
  static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  final Path directory;
  final String bootstrap;
  final String volume;
  private String producer = "linger.ms: 5";
  private String extra = "";
  private String http = "";
  private String size = "64MiB";
  private String volumeSettings = "";

  Scene(Path directory, String bootstrap, String volume) {
    this.directory = directory;
    this.bootstrap = bootstrap;
    this.volume = volume;
  }

  /**
   * So that an export takes seconds, however fast the machine: a MiB is acknowledged every 100 ms,
   * as all that may be in flight is less than the producer waits for.
   */
  Scene slow() {
    extra = "limits: { inFlightPerVolume: 1MiB, inFlight: 1MiB }\n";
    producer = "linger.ms: 100, batch.size: " + (8 << 20);
    return this;
  }

  Scene size(String bytes) {
    size = bytes;
    return this;
  }

  /** One more line of the volume's configuration. */
  Scene volumeSetting(String line) {
    volumeSettings += "    " + line + "\n";
    return this;
  }

  /** The API asks for a token of this file. */
  Scene tokens(Path file) {
    http = ", tokens: " + file;
    return this;
  }

  /** A line after the volume; {@code %s} stands for the directory. */
  Scene more(String yaml) {
    volumeSettings += yaml.replace("%s", directory.toString()) + "\n";
    return this;
  }

  Path image() {
    return directory.resolve(volume + ".img");
  }

  byte[] content() throws IOException {
    return Files.readAllBytes(image());
  }

  String yaml() {
    return """
    kafka:
      bootstrap.servers: "%s"
      producer: { %s, delivery.timeout.ms: 20000, request.timeout.ms: 5000 }
    topics: { replicationFactor: 1 }
    state: %s/state
    http: { listen: "127.0.0.1:0"%s }
    management: { listen: "127.0.0.1:0" }
    nbd: { socket: %s/nbd.sock }
    volumes:
      - name: %s
        path: %s
        size: %s
    """
            .formatted(bootstrap, producer, directory, http, directory, volume, image(), size)
        + volumeSettings
        + extra;
  }

  ExporterConfig config() throws Exception {
    return ExporterConfig.parse("test.yaml", yaml(), Map.of());
  }

  Exporter start() throws Exception {
    return await(Exporter.start(config()));
  }

  static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(180, TimeUnit.SECONDS);
  }

  URI nbd() {
    return URI.create("nbd+unix:///" + volume + "?socket=" + directory.resolve("nbd.sock"));
  }

  void write(String... commands) throws Exception {
    Tools.qemuIo(nbd(), commands);
  }

  static JsonObject get(String url) throws Exception {
    return new JsonObject(
        HTTP.send(HttpRequest.newBuilder(URI.create(url)).GET().build(), BodyHandlers.ofString())
            .body());
  }

  static HttpResponse<String> call(String method, String url) throws Exception {
    return HTTP.send(
        HttpRequest.newBuilder(URI.create(url)).method(method, BodyPublishers.noBody()).build(),
        BodyHandlers.ofString());
  }

  /** With a bearer token; an empty one is none. */
  static HttpResponse<String> call(String method, String url, String token) throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url)).method(method, BodyPublishers.noBody());
    if (!token.isEmpty()) {
      request.header("Authorization", "Bearer " + token);
    }
    return HTTP.send(request.build(), BodyHandlers.ofString());
  }
}
