package io.blkcast.exporter;

import static io.blkcast.exporter.Scene.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Calls every operation of the API's description, and the commands that stand on them. */
class ApiIT {

  @RegisterExtension static final NoBlockedLoops NO_BLOCKED_LOOPS = new NoBlockedLoops();

  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final String READER = "r3ader-of-the-api-0123";
  private static final String OPERATOR = "0perator-of-the-api-0123";

  @TempDir Path directory;

  private final Set<String> seen = new TreeSet<>();

  @Test
  void every_operation_answers_as_described() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Path tokens = directory.resolve("tokens");
      Files.writeString(tokens, "# who may what\nread " + READER + "\noperate " + OPERATOR + "\n");
      Scene scene = new Scene(directory, broker.bootstrapServers(), "api").tokens(tokens);
      Exporter exporter = scene.start();
      try {
        await(exporter.ready());
        String base = "http://" + exporter.apiAddress();
        JsonNode document = YAML.readTree(Scene.call("GET", base + "/openapi.yaml").body());
        walk(base, document, "api");
        await(exporter.pause("api"));
        check(base, document, "post", "/api/v1/volumes/{volume}/increments", "api", "", 409);
        check(base, document, "post", "/api/v1/volumes/{volume}/resync", "api", "", 409);
        await(exporter.resume("api"));
        broker.stop();
        CompletableFuture<HttpResponse<String>> increment = waiting(base, "increments");
        CompletableFuture<HttpResponse<String>> resync = waiting(base, "resync");
        await(exporter.close());
        accept(document, "post", "/api/v1/volumes/{volume}/increments", increment.get());
        accept(document, "post", "/api/v1/volumes/{volume}/resync", resync.get());
        assertThat(seen).isEqualTo(described(document));
      } finally {
        await(exporter.close());
      }
    }
  }

  private static CompletableFuture<HttpResponse<String>> waiting(String base, String what)
      throws InterruptedException {
    CompletableFuture<HttpResponse<String>> answer =
        Scene.HTTP.sendAsync(
            HttpRequest.newBuilder(URI.create(base + "/api/v1/volumes/api/" + what + "?wait=true"))
                .header("Authorization", "Bearer " + OPERATOR)
                .POST(BodyPublishers.noBody())
                .build(),
            BodyHandlers.ofString());
    Thread.sleep(500);
    return answer;
  }

  private void walk(String base, JsonNode document, String volume) throws Exception {
    for (Map.Entry<String, JsonNode> path : document.get("paths").properties()) {
      for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
        String method = operation.getKey();
        if (method.equals("parameters")) {
          continue;
        }
        if (operation.getValue().get("operationId").asText().equals("followProgress")) {
          follow(base, document, path.getKey(), volume);
        } else if (operation.getValue().get("responses").has("202")) {
          check(base, document, method, path.getKey(), volume, "", 202);
          check(base, document, method, path.getKey(), volume, "?wait=true", 200);
        } else {
          check(base, document, method, path.getKey(), volume, "", 200);
        }
        for (String refused : List.of("401", "403")) {
          if (operation.getValue().get("responses").has(refused)) {
            refuse(base, document, method, path.getKey(), volume, refused);
          }
        }
        if (operation.getValue().get("responses").has("404")) {
          check(base, document, method, path.getKey(), "nobody", "", 404);
        }
      }
    }
  }

  private void check(
      String base,
      JsonNode document,
      String method,
      String path,
      String volume,
      String query,
      int status)
      throws Exception {
    HttpResponse<String> response =
        Scene.call(
            method.toUpperCase(java.util.Locale.ROOT),
            base + path.replace("{volume}", volume) + query,
            OPERATOR);
    assertThat(response.statusCode()).as(method + " " + path + query).isEqualTo(status);
    accept(document, method, path, response);
  }

  /** Without a token, or with one that is only good for looking. */
  private void refuse(
      String base, JsonNode document, String method, String path, String volume, String status)
      throws Exception {
    HttpResponse<String> response =
        Scene.call(
            method.toUpperCase(java.util.Locale.ROOT),
            base + path.replace("{volume}", volume),
            status.equals("401") ? "" : READER);
    assertThat(response.statusCode()).as(method + " " + path).hasToString(status);
    assertThat(response.headers().firstValue("www-authenticate").orElse(""))
        .startsWith("Bearer realm=");
    accept(document, method, path, response);
  }

  private void accept(JsonNode document, String method, String path, HttpResponse<String> response)
      throws Exception {
    String status = Integer.toString(response.statusCode());
    JsonNode described = resolve(document, operation(document, method, path, status));
    Map.Entry<String, JsonNode> content = described.get("content").properties().iterator().next();
    assertThat(response.headers().firstValue("content-type").orElse(""))
        .startsWith(content.getKey());
    JsonNode body =
        content.getKey().equals("application/json")
            ? JSON.readTree(response.body())
            : JSON.valueToTree(response.body());
    new SchemaCheck(document).accept(content.getValue().get("schema"), body, method + " " + path);
    seen.add(method + " " + path + " " + status);
  }

  private static JsonNode operation(JsonNode document, String method, String path, String status) {
    JsonNode response = document.get("paths").get(path).get(method).get("responses").get(status);
    assertThat(response).as("%s %s answers %s", method, path, status).isNotNull();
    return response;
  }

  private static JsonNode resolve(JsonNode document, JsonNode node) {
    return node.has("$ref") ? document.at(node.get("$ref").asText().substring(1)) : node;
  }

  private void follow(String base, JsonNode document, String path, String volume) throws Exception {
    HttpResponse<java.io.InputStream> response =
        Scene.HTTP.send(
            HttpRequest.newBuilder(URI.create(base + path.replace("{volume}", volume)))
                .header("Authorization", "bearer " + READER)
                .build(),
            BodyHandlers.ofInputStream());
    assertThat(response.headers().firstValue("content-type")).contains("text/event-stream");
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8))) {
      assertThat(lines.readLine()).isEqualTo("event: progress");
      JsonNode data = JSON.readTree(lines.readLine().substring("data: ".length()));
      new SchemaCheck(document)
          .accept(document.at("/components/schemas/Progress"), data, "progress event");
    }
    seen.add("get " + path + " 200");
    followTooOften(base, document, path, volume);
  }

  /** One stream after the other, none of them ended, until the next is refused. */
  private void followTooOften(String base, JsonNode document, String path, String volume)
      throws Exception {
    URI uri = URI.create(base + path.replace("{volume}", volume));
    List<java.io.InputStream> open = new ArrayList<>();
    try {
      HttpResponse<java.io.InputStream> response;
      do {
        response =
            Scene.HTTP.send(
                HttpRequest.newBuilder(uri).header("Authorization", "bearer " + READER).build(),
                BodyHandlers.ofInputStream());
        open.add(response.body());
      } while (response.statusCode() == 200 && open.size() < 100);
      assertThat(response.statusCode()).as("stream %d of %s", open.size(), path).isEqualTo(503);
      JsonNode described = resolve(document, operation(document, "get", path, "503"));
      new SchemaCheck(document)
          .accept(
              described.at("/content/application~1json/schema"),
              JSON.readTree(response.body()),
              "refused stream");
    } finally {
      for (java.io.InputStream stream : open) {
        stream.close();
      }
    }
    seen.add("get " + path + " 503");
  }

  private static Set<String> described(JsonNode document) {
    Set<String> all = new TreeSet<>();
    for (Map.Entry<String, JsonNode> path : document.get("paths").properties()) {
      for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
        if (!operation.getKey().equals("parameters")) {
          operation
              .getValue()
              .get("responses")
              .fieldNames()
              .forEachRemaining(
                  status -> all.add(operation.getKey() + " " + path.getKey() + " " + status));
        }
      }
    }
    return all;
  }

  @Test
  @NeedsTool("qemu-io")
  void the_management_port_has_health_and_metrics() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Scene scene = new Scene(directory, broker.bootstrapServers(), "cli");
      Exporter exporter = scene.start();
      try {
        await(exporter.ready());
        String api = "http://" + exporter.apiAddress();
        scene.write("write -P 1 0 1M");
        for (int i = 0; i < 3; i++) {
          assertThat(
                  Scene.call("POST", api + "/api/v1/volumes/cli/increments?wait=true").statusCode())
              .isEqualTo(200);
        }

        String management = "http://" + exporter.managementAddress();
        assertThat(Scene.call("GET", management + "/livez").statusCode()).isEqualTo(200);
        assertThat(Scene.call("GET", management + "/metrics").body())
            .contains("blkcast_published_bytes_total{volume=\"cli\"}")
            .contains("blkcast_increment_seconds_count{outcome=\"committed\",volume=\"cli\"} 3")
            .contains("blkcast_volume_status{status=\"ACTIVE\",volume=\"cli\"} 1.0")
            .contains("blkcast_in_flight_bytes 0.0")
            .contains("kafka_producer_record_send_total{client_id=")
            .contains("blkcast_pool_queued{pool=\"read\"}");
      } finally {
        await(exporter.close());
      }
    }
  }

  @Test
  void tokens_are_asked_for_and_read_again_when_they_change() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Path tokens = directory.resolve("tokens");
      Files.writeString(tokens, "operate " + OPERATOR);
      Scene scene = new Scene(directory, broker.bootstrapServers(), "api").tokens(tokens);
      Exporter exporter = scene.start();
      try {
        await(exporter.ready());
        String api = "http://" + exporter.apiAddress();
        Files.writeString(tokens, "operate x");
        change(tokens);
        Thread.sleep(3_000);
        assertThat(Scene.call("GET", api + "/api/v1/volumes", OPERATOR).statusCode())
            .as("a wrong file changes nothing")
            .isEqualTo(200);
        Files.writeString(tokens, "operate 0" + OPERATOR);
        change(tokens);
        org.awaitility.Awaitility.await()
            .atMost(Duration.ofMinutes(1))
            .untilAsserted(
                () ->
                    assertThat(Scene.call("GET", api + "/api/v1/volumes", OPERATOR).statusCode())
                        .isEqualTo(401));
        assertThat(Scene.call("GET", api + "/api/v1/volumes", "0" + OPERATOR).statusCode())
            .isEqualTo(200);
      } finally {
        await(exporter.close());
      }
    }
  }

  private static void change(Path file) throws Exception {
    Files.setLastModifiedTime(
        file,
        FileTime.fromMillis(
            Files.getLastModifiedTime(file).toMillis() + (long) (Math.random() * 100_000) + 1000));
  }

  @Test
  void an_exporter_does_not_start_with_a_wrong_file_of_tokens() throws Exception {
    Path tokens = directory.resolve("tokens");
    Scene scene = new Scene(directory, "127.0.0.1:1", "api").tokens(tokens);
    assertThatThrownBy(scene::start).hasMessageContaining("tokens");
    Files.writeString(tokens, "# none\n");
    assertThatThrownBy(scene::start).hasMessageContaining("holds no token");
    for (String wrong :
        List.of("admin 0123456789abcdef", "read sh0rt", "read 0123456789abcdef x")) {
      Files.writeString(tokens, "read " + READER + "\n" + wrong);
      assertThatThrownBy(scene::start)
          .hasMessageContaining("tokens:2")
          .message()
          .doesNotContain(wrong.split(" ")[1]);
    }
  }
}
