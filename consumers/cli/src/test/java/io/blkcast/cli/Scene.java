package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.Exporter;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.nbd.NbdClient;
import io.blkcast.schema.IncrementCommitted;
import io.vertx.core.Future;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;

/** An exporter in this process with one volume, and the commands of a consumer. */
final class Scene implements AutoCloseable {

  static final String VOLUME = "vol";
  static final long SIZE = 4L << 20;

  private static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  final Path dir;
  final Path disk;
  final Path replica;
  private final String yaml;
  private final Random random = new Random(7);
  private Exporter exporter;

  /**
   * @param yaml the sections kafka, topics, schemaRegistry of the configuration
   */
  Scene(Path dir, String yaml) throws IOException {
    this(dir, yaml, ", size: " + SIZE);
  }

  /**
   * @param size the volume's setting after a comma; empty for the size of the image that is there
   */
  Scene(Path dir, String yaml, String size) throws IOException {
    this.dir = Files.createDirectories(dir);
    this.disk = dir.resolve("disk.img");
    this.replica = dir.resolve("replica.img");
    this.yaml =
        yaml
            + """
            volumes:
              - { name: %s, source: disk, path: '%s'%s }
            nbd: { listen: "127.0.0.1:0" }
            %s
            management: { listen: "127.0.0.1:0" }
            state: '%s'
            """
                .formatted(
                    VOLUME,
                    disk,
                    size,
                    ("\n" + yaml).contains("\nhttp:") ? "" : "http: { listen: \"127.0.0.1:0\" }",
                    dir.resolve("state"));
  }

  /** Starts the exporter; it may not be ready for a while. */
  Exporter start() throws Exception {
    exporter = await(Exporter.start(ExporterConfig.parse("test.yaml", yaml, Map.of())));
    return exporter;
  }

  Exporter startReady() throws Exception {
    await(start().ready());
    return exporter;
  }

  void stop() throws Exception {
    await(exporter.close());
  }

  /** Writes random bytes to a random half of the volume's tracking blocks. */
  void write() throws IOException {
    try (NbdClient client = new NbdClient(exporter.nbdUri(VOLUME).orElseThrow())) {
      byte[] block = new byte[64 << 10];
      for (long offset = 0; offset < SIZE; offset += block.length) {
        if (random.nextBoolean()) {
          random.nextBytes(block);
          client.write(offset, block);
        }
      }
      client.flush();
    }
  }

  /** Writes to the volume's disk. */
  void write(long offset, byte[] data) throws IOException {
    try (NbdClient client = new NbdClient(exporter.nbdUri(VOLUME).orElseThrow())) {
      client.write(offset, data);
      client.flush();
    }
  }

  IncrementCommitted increment() throws Exception {
    return await(exporter.increment(VOLUME)).manifest();
  }

  /** What the management port says. */
  HttpResponse<String> management(String path) throws Exception {
    return HTTP.send(
        HttpRequest.newBuilder(URI.create("http://" + exporter.managementAddress() + path)).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  /** What a command printed, and how it ended. */
  record Ended(int status, String output) {}

  /** Replicates what is committed, with the client settings of a configuration of this text. */
  Ended replicateOnce(String consumerYaml) throws IOException {
    return run(new ReplicateCommand(), consumerYaml, "--once");
  }

  /** Proves the replica from Kafka alone, and compares it with the disk. */
  void assertIdentical(String consumerYaml) throws IOException {
    Ended verified = run(new VerifyCommand(), consumerYaml);
    assertThat(verified.status()).as(verified.output()).isZero();
    assertThat(Files.mismatch(disk, replica)).as("first difference").isEqualTo(-1L);
  }

  /** Replicates with these options more. */
  Ended replicate(String consumerYaml, String... more) throws IOException {
    return run(new ReplicateCommand(), consumerYaml, more);
  }

  Ended verify(String consumerYaml) throws IOException {
    return run(new VerifyCommand(), consumerYaml);
  }

  /** Replicates once what is committed of a volume of that name to another target. */
  Ended replicateOnce(String consumerYaml, String volume, Path target) throws IOException {
    return run(new ReplicateCommand(), volume, target, consumerYaml, "--once");
  }

  private Ended run(Object command, String consumerYaml, String... more) throws IOException {
    return run(command, VOLUME, replica, consumerYaml, more);
  }

  private Ended run(Object command, String volume, Path target, String consumerYaml, String... more)
      throws IOException {
    Path config = Files.writeString(dir.resolve("consumer.yaml"), consumerYaml);
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--volume", volume, "--target", target.toString(), "--config", config.toString()));
    arguments.addAll(List.of(more));
    StringWriter out = new StringWriter();
    int status =
        new CommandLine(command)
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(out, true))
            .execute(arguments.toArray(String[]::new));
    return new Ended(status, out.toString());
  }

  static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(120, TimeUnit.SECONDS);
  }

  @Override
  public void close() throws Exception {
    if (exporter != null) {
      stop();
    }
  }
}
