package io.blkcast.exporter.publish;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.blkcast.codec.TopicNames;
import io.blkcast.kafka.TopicSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;

/** Holds the description of the topics against what the exporter makes and writes. */
class AsyncApiTest {

  private static final Path DOCUMENT = Path.of("../docs/asyncapi.yaml");
  private static final TopicNames TOPICS = TopicNames.defaults();

  private final JsonNode document;

  AsyncApiTest() throws IOException {
    document = new ObjectMapper(new YAMLFactory()).readTree(Files.readString(DOCUMENT));
  }

  @Test
  void every_topic_carries_the_records_described() {
    Map<String, Set<String>> described = new TreeMap<>();
    document
        .get("channels")
        .forEach(
            channel -> {
              Set<String> names = new LinkedHashSet<>();
              channel
                  .get("messages")
                  .properties()
                  .forEach(
                      message -> {
                        JsonNode target = follow(message.getValue());
                        assertThat(target.get("name").asText()).endsWith("." + message.getKey());
                        names.add(target.get("name").asText());
                      });
              described.put(channel.get("address").asText(), names);
            });
    Map<String, Set<String>> real = new TreeMap<>();
    TOPICS
        .records()
        .forEach(
            (topic, schemas) ->
                real.put(
                    topic,
                    new LinkedHashSet<>(schemas.stream().map(Schema::getFullName).toList())));
    assertThat(described).isEqualTo(real);
  }

  @Test
  void topics_are_made_as_described() {
    Map<String, NewTopic> made = new HashMap<>();
    TopicSpec.of(TOPICS, 1, 1, 262_144)
        .forEach(spec -> made.put(spec.name(), spec.newTopic((short) 1)));
    for (JsonNode channel : document.get("channels")) {
      JsonNode kafka = channel.at("/bindings/kafka");
      NewTopic topic = made.remove(channel.get("address").asText());
      assertThat(topic.numPartitions()).isEqualTo(kafka.get("partitions").asInt());
      JsonNode settings = kafka.get("topicConfiguration");
      List<String> cleanup = new ArrayList<>();
      settings.get("cleanup.policy").forEach(policy -> cleanup.add(policy.asText()));
      assertThat(topic.configs().get("cleanup.policy")).isEqualTo(String.join(",", cleanup));
      assertThat(topic.configs().get("retention.ms"))
          .isEqualTo(settings.has("retention.ms") ? settings.get("retention.ms").asText() : null);
    }
    assertThat(made).isEmpty();
  }

  @Test
  void every_record_is_described_by_its_current_schema() throws IOException {
    Map<String, Schema> current = new HashMap<>();
    TOPICS.records().values().forEach(all -> all.forEach(s -> current.put(s.getFullName(), s)));
    for (JsonNode message : document.at("/components/messages")) {
      Schema schema = current.remove(message.get("name").asText());
      Path file = DOCUMENT.resolveSibling(message.at("/payload/schema/$ref").asText()).normalize();
      assertThat(
              SchemaNormalization.toParsingForm(new Schema.Parser().parse(Files.readString(file))))
          .isEqualTo(SchemaNormalization.toParsingForm(schema));
      assertThat(follow(message.get("bindings")).at("/kafka/key/type").asText())
          .isEqualTo("string");
    }
    assertThat(current).as("records that are not described").isEmpty();
    assertThat(
            document
                .at("/components/messages/Checkpoint/headers/properties")
                .has(CheckpointReader.OWNER_HEADER))
        .isTrue();
  }

  @Test
  void the_exporter_reads_signals_and_sends_all_else() {
    Map<String, String> actions = new TreeMap<>();
    for (JsonNode operation : document.get("operations")) {
      actions.put(
          follow(operation.get("channel")).get("address").asText(),
          operation.get("action").asText());
    }
    Map<String, String> real = new TreeMap<>();
    TOPICS.all().forEach(t -> real.put(t, t.equals(TOPICS.signals()) ? "receive" : "send"));
    assertThat(actions).isEqualTo(real);
  }

  private JsonNode follow(JsonNode reference) {
    return document.at(reference.get("$ref").asText().substring(1));
  }
}
