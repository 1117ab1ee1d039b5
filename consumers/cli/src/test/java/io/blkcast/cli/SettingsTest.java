package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class SettingsTest {

  @Test
  void nestedKeysAndListsComeOutAsKafkaWantsThem() throws Exception {
    Settings settings =
        new Settings(
            """
            kafka:
              bootstrap.servers: [ "a:9092", "b:9092" ]
              sasl:
                mechanism: PLAIN
              sasl.password: 0123
              client.id:
            topics: { prefix: " t. " }
            volumes:
              - name: vol
                triggers: { every: 1m }
            """,
            Map.of("PATH", "/bin"));
    assertThat(settings.kafka())
        .containsOnly(
            Map.entry("bootstrap.servers", "a:9092,b:9092"),
            Map.entry("sasl.mechanism", "PLAIN"),
            Map.entry("sasl.password", "0123"),
            Map.entry("client.id", ""));
    assertThat(settings.value("topics.prefix")).contains("t.");
    assertThat(settings.value("schemaRegistry.url")).isEmpty();
  }

  @Test
  void theEnvironmentWinsOverTheFile() throws Exception {
    Settings settings =
        new Settings(
            """
            kafka:
              sasl: { mechanism: PLAIN, jaas.config: in the file }
            topics: { prefix: file. }
            """,
            Map.of(
                "BLKCAST_KAFKA_SASL_JAAS_CONFIG", "secret",
                "BLKCAST_KAFKA_CONSUMER_CLIENT_ID", "me",
                "BLKCAST_TOPICS_PREFIX", "environment.",
                "BLKCAST_SCHEMA_REGISTRY_URL", "http://registry",
                "BLKCAST_HEALTH_FILE", "/tmp/alive"));
    assertThat(settings.kafka())
        .containsOnly(
            Map.entry("sasl.mechanism", "PLAIN"),
            Map.entry("sasl.jaas.config", "secret"),
            Map.entry("consumer.client.id", "me"));
    assertThat(settings.value("topics.prefix")).contains("environment.");
    assertThat(settings.value("schemaRegistry.url")).contains("http://registry");
  }

  @Test
  void nothingIsAskedOfAFileThatIsEmpty() throws Exception {
    assertThat(new Settings("", Map.of()).kafka()).isEmpty();
    assertThat(new Settings("# nothing", Map.of()).value("topics.prefix")).isEmpty();
    assertThat(new Settings("kafka:\ntopics:\n", Map.of()).kafka()).isEmpty();
  }
}
