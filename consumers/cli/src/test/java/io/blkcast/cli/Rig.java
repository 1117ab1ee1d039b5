package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.testkit.EmbeddedBroker;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import picocli.CommandLine;

/**
 * A broker in this process, and exporter and replicator as processes of their own, that can be
 * killed. Ports are fixed for a rig's life, so that a restarted exporter is found where it was.
 */
final class Rig implements AutoCloseable {

  static final String VOLUME = "vol";
  static final long SIZE = 64L << 20;

  private static final Duration PATIENCE = Duration.ofMinutes(2);

  final Path dir;
  final EmbeddedBroker broker;
  final Path disk;
  final Path replica;
  private final int nbdPort = port();
  private final int apiPort = port();
  private final int managementPort = port();
  private final Path config;
  private final HttpClient http = HttpClient.newHttpClient();
  private final List<Process> started = new ArrayList<>();

  Rig(Path dir) throws IOException {
    this.dir = dir;
    this.broker = EmbeddedBroker.builder().dataDir(dir.resolve("broker")).build();
    this.disk = dir.resolve("disk.img");
    this.replica = dir.resolve("replica.img");
    this.config = dir.resolve("blkcast.yaml");
    broker.start();
    Files.writeString(
        config,
        """
        kafka: { bootstrap.servers: "%s" }
        topics: { replicationFactor: 1 }
        volumes:
          - { name: %s, source: disk, path: '%s', size: %d }
        nbd: { listen: "127.0.0.1:%d" }
        http: { listen: "127.0.0.1:%d" }
        management: { listen: "127.0.0.1:%d" }
        state: '%s'
        """
            .formatted(
                broker.bootstrapServers(),
                VOLUME,
                disk,
                SIZE,
                nbdPort,
                apiPort,
                managementPort,
                dir.resolve("state")));
  }

  private static int port() {
    return ThreadLocalRandom.current().nextInt(15_000, 32_000);
  }

  URI nbdUri() {
    return URI.create("nbd://127.0.0.1:" + nbdPort + "/" + VOLUME);
  }

  /** Starts {@code blkcast} with these arguments; its output goes to a file of that name. */
  Process blkcast(String log, String... arguments) throws IOException {
    Process process =
        new ProcessBuilder(command(arguments))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(dir.resolve(log).toFile()))
            .start();
    started.add(process);
    return process;
  }

  /** The command line of {@code blkcast} with these arguments. */
  static List<String> command(String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx512m",
                "-Dvertx.disableDnsResolver=true",
                // As it is shipped: the tests' own configuration logs to standard output.
                "-Dlogback.configurationFile=logback.xml",
                "-cp",
                System.getProperty("java.class.path"),
                "io.blkcast.cli.Main"));
    command.addAll(List.of(arguments));
    return command;
  }

  /** Runs {@code blkcast} to its end. */
  int run(String log, String... arguments) throws IOException, InterruptedException {
    Process process = blkcast(log, arguments);
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS))
        .as("blkcast %s has ended", List.of(arguments))
        .isTrue();
    return process.exitValue();
  }

  String log(String name) throws IOException {
    return Files.readString(dir.resolve(name));
  }

  Process startExporter() throws IOException {
    Process exporter = blkcast("exporter.log", "run", "--config", config.toString());
    Awaitility.await()
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(
            () -> {
              if (!exporter.isAlive()) {
                throw new AssertionError("the exporter has ended: " + log("exporter.log"));
              }
              return call("GET", "/api/v1/volumes").statusCode() == 200;
            });
    return exporter;
  }

  /** Takes an increment and waits until it is committed. */
  void increment() throws IOException, InterruptedException {
    HttpResponse<String> answer =
        call("POST", "/api/v1/volumes/" + VOLUME + "/increments?wait=true");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
  }

  String api() {
    return "http://127.0.0.1:" + apiPort;
  }

  HttpResponse<String> call(String method, String path) throws IOException, InterruptedException {
    return http.send(
        HttpRequest.newBuilder(URI.create(api() + path))
            .method(method, HttpRequest.BodyPublishers.noBody())
            .timeout(PATIENCE)
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  Process startReplicator() throws IOException {
    return blkcast("replicate.log", replicate());
  }

  String[] replicate(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "replicate",
                "--volume",
                VOLUME,
                "--target",
                replica.toString(),
                "--config",
                config.toString()));
    arguments.addAll(List.of(more));
    return arguments.toArray(String[]::new);
  }

  /** Runs {@code blkcast verify} in this process; its output goes to {@code verify.log}. */
  int verify() throws IOException {
    StringWriter out = new StringWriter();
    int status =
        new CommandLine(new VerifyCommand())
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(out, true))
            .execute(
                "--volume", VOLUME, "--target", replica.toString(), "--config", config.toString());
    Files.writeString(dir.resolve("verify.log"), out.toString());
    return status;
  }

  /** Kills a process as a power cut would, and waits until it is gone. */
  static void kill(Process process) throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Waits until the replica's file equals the disk's, which nobody writes to. */
  void awaitIdentical() {
    Awaitility.await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(500))
        .ignoreExceptionsInstanceOf(NoSuchFileException.class)
        .untilAsserted(
            () -> assertThat(Files.mismatch(disk, replica)).as("first difference").isEqualTo(-1L));
  }

  /** Waits until {@code blkcast verify} proves the replica, which nobody writes to for good. */
  void awaitVerified() {
    Awaitility.await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              int status = verify();
              assertThat(status).as(log("verify.log")).isZero();
            });
  }

  @Override
  public void close() {
    started.forEach(Process::destroyForcibly);
    for (Process process : started) {
      try {
        process.waitFor();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    broker.close();
  }
}
