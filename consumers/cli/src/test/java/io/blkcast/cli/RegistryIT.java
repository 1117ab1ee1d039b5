package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.blkcast.codec.TopicNames;
import io.blkcast.exporter.Exporter;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real schema registry: there, not there yet, gone, and of another opinion. */
class RegistryIT {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir private Path dir;

  @Test
  @NeedsTool("jdk:21")
  void a_registry_may_come_late_and_go_while_nothing_is_lost() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started();
        Registry registry = new Registry(dir);
        Scene scene = new Scene(dir.resolve("scene"), yaml(broker, registry, "blkcast."))) {
      // Down at the start: the exporter waits, and says for what.
      Exporter exporter = scene.start();
      registry.begin();
      scene.write();
      await(() -> scene.management("/readyz").body().contains(registry.url()));
      JsonNode health = health(scene);
      assertThat(health.at("/ready").asBoolean()).isFalse();
      assertThat(health.at("/reasons/volume vol").asText()).contains("schema registry");
      assertThat(health.at("/warnings/schemaRegistry").asText()).contains(registry.url());
      assertThat(scene.management("/metrics").body()).contains(reachable(0));

      // It comes: what waited is done.
      registry.awaitStarted();
      Scene.await(exporter.ready());
      scene.increment();
      await(() -> health(scene).at("/ready").asBoolean());
      await(() -> scene.management("/metrics").body().contains(reachable(1)));
      assertThat(subjects(registry))
          .containsExactlyInAnyOrderElementsOf(subjects(TopicNames.defaults()));
      String consumer = yaml(broker, registry, "blkcast.");
      assertThat(scene.replicateOnce(consumer).status()).isZero();
      scene.assertIdentical(consumer);

      // It goes: what is known goes on, and health tells.
      registry.kill();
      scene.write();
      scene.increment();
      await(() -> health(scene).at("/warnings").has("schemaRegistry"));
      assertThat(health(scene).at("/ready").asBoolean()).isTrue();
      assertThat(scene.management("/metrics").body()).contains(reachable(0));
      // A consumer that starts now knows no id yet, and waits.
      CompletableFuture<Scene.Ended> waiting =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return scene.replicateOnce(consumer);
                } catch (java.io.IOException e) {
                  throw new java.io.UncheckedIOException(e);
                }
              });
      // So does an exporter.
      scene.stop();
      Exporter restarted = scene.start();
      await(() -> !health(scene).at("/ready").asBoolean());
      assertThat(waiting).isNotDone();

      registry.begin();
      registry.awaitStarted();
      assertThat(waiting.get().status()).as(waiting.get().output()).isZero();
      scene.assertIdentical(consumer);
      Scene.await(restarted.ready());
      scene.write();
      scene.increment();
      assertThat(scene.replicateOnce(consumer).status()).isZero();
      scene.assertIdentical(consumer);

      refuse_what_the_registry_finds_incompatible(broker, registry);
    }
  }

  /** A part of the test above, as a registry takes long to start. */
  private void refuse_what_the_registry_finds_incompatible(EmbeddedBroker broker, Registry registry)
      throws Exception {
    String subject = "other.chunks-io.blkcast.schema.DataChunk";
    String theirs =
        """
        {"type": "record", "name": "DataChunk", "namespace": "io.blkcast.schema",
         "fields": [{"name": "volume", "type": "long"}]}
        """;
    assertThat(registry.call("PUT", "/config", "{\"compatibility\": \"FULL\"}").statusCode())
        .isEqualTo(200);
    assertThat(
            registry
                .call(
                    "POST",
                    "/subjects/" + subject + "/versions",
                    JSON.createObjectNode().put("schema", theirs).toString())
                .statusCode())
        .isEqualTo(200);
    try (Scene scene = new Scene(dir.resolve("other"), yaml(broker, registry, "other."))) {
      Exporter exporter = scene.start();
      assertThatThrownBy(() -> Scene.await(exporter.ready()))
          .isInstanceOf(ExecutionException.class)
          .hasMessageContaining(subject)
          .hasMessageContaining("its version 1 differs")
          .hasMessageContaining("TYPE_MISMATCH at /fields/0/type")
          .hasMessageContaining("topics.prefix");
    }
  }

  private static String yaml(EmbeddedBroker broker, Registry registry, String prefix) {
    return """
    kafka: { bootstrap.servers: "%s" }
    topics: { replicationFactor: 1, prefix: "%s" }
    schemaRegistry: { url: "%s" }
    """
        .formatted(broker.bootstrapServers(), prefix, registry.url());
  }

  private static String reachable(int value) {
    return "blkcast_reachable{peer=\"schemaRegistry\"} " + value;
  }

  private static JsonNode health(Scene scene) throws Exception {
    return JSON.readTree(scene.management("/readyz").body());
  }

  private static List<String> subjects(Registry registry) throws Exception {
    JsonNode all = JSON.readTree(registry.call("GET", "/subjects", "").body());
    return JSON.convertValue(
        all, JSON.getTypeFactory().constructCollectionType(List.class, String.class));
  }

  private static List<String> subjects(TopicNames topics) {
    return topics.records().entrySet().stream()
        .flatMap(
            topic ->
                topic.getValue().stream()
                    .map(schema -> topic.getKey() + "-" + schema.getFullName()))
        .toList();
  }

  private static void await(java.util.concurrent.Callable<Boolean> condition) {
    Awaitility.await().atMost(PATIENCE).until(condition);
  }
}
