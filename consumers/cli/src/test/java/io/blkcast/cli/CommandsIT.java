package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.blkcast.testkit.EmbeddedBroker;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The commands that ask an exporter: what they print, and how they end. */
class CommandsIT {

  private static final ObjectMapper JSON = new ObjectMapper();

  private static EmbeddedBroker broker;

  @TempDir Path directory;

  @BeforeAll
  static void startBroker() throws Exception {
    broker = EmbeddedBroker.started();
  }

  @AfterAll
  static void stopBroker() {
    broker.close();
  }

  private Scene scene(String prefix, String more) throws Exception {
    String yaml =
        "kafka: {bootstrap.servers: \"%s\"}\ntopics: {prefix: %s.}\n"
            .formatted(broker.bootstrapServers(), prefix);
    return new Scene(directory, yaml + more);
  }

  @Test
  void the_commands_do_what_the_api_does() throws Exception {
    try (Scene scene = scene("api", "")) {
      String api = "http://" + scene.startReady().apiAddress();
      assertThat(run(0, "increment", "--api", api, Scene.VOLUME)).contains("vol  BASELINE");
      assertThat(JSON.readTree(run(0, "increment", "--api", api, "--json")).at("/volumes/0/kind"))
          .isEqualTo(JSON.valueToTree("DELTA"));
      assertThat(run(0, "resync", "--api", api, Scene.VOLUME)).contains("BASELINE");
      assertThat(run(0, "pause", "--api", api, Scene.VOLUME)).contains("PAUSED");
      assertThat(run(1, "increment", "--api", api, Scene.VOLUME)).contains("resume");
      assertThat(run(0, "resume", "--api", api, Scene.VOLUME)).contains("vol  IDLE");
      assertThat(run(0, "volumes", "--api", api)).contains("VOLUME").contains("ACTIVE");
      assertThat(run(0, "status", "--api", api)).contains("last committed");
      assertThat(run(1, "status", "--api", api, "nobody")).contains("there is no volume");
      assertThat(run(3, "volumes", "--api", "http://127.0.0.1:1")).contains("does not answer");
      assertThat(run(2, "increments")).contains("Did you mean");
    }
  }

  @Test
  void a_token_is_read_from_a_file() throws Exception {
    String token = "0123456789abcdefgh";
    Path tokens = directory.resolve("tokens");
    Files.writeString(tokens, "operate " + token);
    try (Scene scene =
        scene("tokens", "http: {listen: \"127.0.0.1:0\", tokens: '" + tokens + "'}\n")) {
      String api = "http://" + scene.startReady().apiAddress();
      Path file = directory.resolve("token");
      Files.writeString(file, token + "\n");
      assertThat(run(1, "volumes", "--api", api)).contains("--token-file");
      assertThat(run(0, "volumes", "--api", api, "--token-file", file.toString()))
          .contains("ACTIVE");
      assertThat(run(0, "increment", "--api", api, "--token-file", file.toString()))
          .contains("BASELINE");
      assertThat(run(2, "volumes", "--api", api, "--token-file", file + "s-none"))
          .contains("--token-file");
    }
  }

  @Test
  void the_command_prints_a_table_or_json_and_its_status_says_whether_all_is_well()
      throws Exception {
    Path config = directory.resolve("exporter.yaml");
    Files.writeString(
        config,
        """
        kafka: { bootstrap.servers: "%s" }
        topics: { prefix: "%s-disk." }
        state: %s/state
        volumes: [{ name: data, path: %s/data.img, size: 16MiB }]
        """
            .formatted(broker.bootstrapServers(), directory.getFileName(), directory, directory));
    String table = run(0, "doctor", "--config", config.toString());
    assertThat(table.lines().findFirst().orElseThrow()).startsWith("VERDICT  CHECK");
    assertThat(table).contains("ok       volume data", "brokers").doesNotContain("kernel");
    JsonObject json = new JsonObject(run(0, "doctor", "--json", "--config", config.toString()));
    assertThat(json.getBoolean("healthy")).isTrue();
    assertThat(json.getJsonArray("findings").size()).isEqualTo((int) table.lines().count() - 1);

    Files.writeString(config, Files.readString(config).replace(", size: 16MiB", ""));
    assertThat(run(1, "doctor", "--config", config.toString()))
        .contains("FAILURE  volume data", "-> Give 'size'");
    assertThat(
            new JsonObject(run(1, "doctor", "--json", "--config", config.toString()))
                .getBoolean("healthy"))
        .isFalse();
    assertThat(run(1, "doctor", "--config", directory.resolve("nowhere").toString()))
        .contains("cannot be read");
  }

  private static String run(int status, String... arguments) {
    StringWriter output = new StringWriter();
    CommandLine root = ExporterCommands.root();
    root.setOut(new PrintWriter(output));
    root.setErr(new PrintWriter(output));
    assertThat(root.execute(arguments)).as("%s", output).isEqualTo(status);
    return output.toString();
  }
}
