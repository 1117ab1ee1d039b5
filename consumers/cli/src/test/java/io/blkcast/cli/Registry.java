package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * An Apicurio registry as a process of its own, which keeps what was registered over its death. The
 * build unpacks it; it needs a JDK of 21 or newer beside the one that the tests run on.
 */
final class Registry implements AutoCloseable {

  private static final Path JAR = Path.of("target/apicurio/quarkus-run.jar");
  private static final int LEAST_JAVA = 21;
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final HttpClient http = HttpClient.newHttpClient();
  private final Path dir;
  private final int port = ThreadLocalRandom.current().nextInt(15_000, 32_000);
  private Process process;

  Registry(Path dir) {
    this.dir = dir;
  }

  String url() {
    return "http://127.0.0.1:" + port + "/apis/ccompat/v7";
  }

  /** Begins to start; {@link #awaitStarted} waits until it answers. */
  void begin() throws IOException {
    assertThat(JAR).as("unpacked by the build's phase pre-integration-test").exists();
    ProcessBuilder builder =
        new ProcessBuilder(
                java().toString(),
                "-Xmx384m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-jar",
                JAR.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(dir.resolve("registry.log").toFile()));
    builder.environment().put("QUARKUS_HTTP_HOST", "127.0.0.1");
    builder.environment().put("QUARKUS_HTTP_PORT", Integer.toString(port));
    builder.environment().put("QUARKUS_MANAGEMENT_HOST", "127.0.0.1");
    builder.environment().put("QUARKUS_MANAGEMENT_PORT", "0");
    builder
        .environment()
        .put("APICURIO_DATASOURCE_URL", "jdbc:h2:file:" + dir.resolve("registry-db/db"));
    process = builder.start();
  }

  void awaitStarted() {
    Awaitility.await()
        .atMost(PATIENCE)
        .ignoreExceptionsInstanceOf(IOException.class)
        .until(
            () -> {
              if (!process.isAlive()) {
                throw new AssertionError(
                    "the registry has ended: " + Files.readString(dir.resolve("registry.log")));
              }
              return call("GET", "/schemas/types", "").statusCode() == 200;
            });
  }

  /** Kills it as a power cut would. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  HttpResponse<String> call(String method, String path, String body)
      throws IOException, InterruptedException {
    return http.send(
        HttpRequest.newBuilder(URI.create(url() + path))
            .timeout(Duration.ofSeconds(30))
            .header("Content-Type", "application/json")
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofString());
  }

  private static Path java() throws IOException {
    List<Path> homes = new ArrayList<>();
    if (Runtime.version().feature() >= LEAST_JAVA) {
      homes.add(Path.of(System.getProperty("java.home")));
    }
    Path installed = Path.of("/usr/lib/jvm");
    if (Files.isDirectory(installed)) {
      try (Stream<Path> all = Files.list(installed)) {
        homes.addAll(all.filter(Registry::isNewEnough).sorted().toList());
      }
    }
    assertThat(homes)
        .as("a JDK of %d or newer in /usr/lib/jvm, for the schema registry", LEAST_JAVA)
        .isNotEmpty();
    return homes.get(0).resolve("bin/java");
  }

  private static boolean isNewEnough(Path home) {
    try {
      return Files.readAllLines(home.resolve("release")).stream()
          .filter(line -> line.startsWith("JAVA_VERSION=\""))
          .map(line -> line.replaceAll("[^\"]*\"(\\d+).*", "$1"))
          .anyMatch(feature -> Integer.parseInt(feature) >= LEAST_JAVA);
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public void close() throws InterruptedException {
    if (process != null) {
      kill();
    }
  }
}
