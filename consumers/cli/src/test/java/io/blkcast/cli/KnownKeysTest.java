package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class KnownKeysTest {

  @Test
  void aMistypedKeyIsToldWithItsPlaceAndTheNearestRightOne() throws IOException {
    String yaml =
        """
        kafka: { bootstrap.servers: "localhost:9092" }
        topcs:
          prefix: a.
        schemaRegistry:
          ulr: http://localhost
        """;
    assertThat(KnownKeys.faults("c.yaml", yaml))
        .containsExactly(
            "c.yaml:2: topcs: unknown key; did you mean 'topics'?",
            "c.yaml:5: schemaRegistry.ulr: unknown key; did you mean 'url'?");
  }

  @Test
  void whatOnlyAnExporterReadsAndWhatKafkaReadsIsNotJudged() throws IOException {
    String yaml =
        """
        kafka:
          bootstrap.servers: "localhost:9092"
          prefx: 1
        state: /tmp
        topics: { prefix: a., partitions: 3, replicationFactor: 1 }
        volumes:
          - name: a
            triggers: { every: 1m }
        nbd: { listen: "127.0.0.1:1" }
        """;
    assertThat(KnownKeys.faults("c.yaml", yaml)).isEmpty();
    assertThat(KnownKeys.faults("c.yaml", "")).isEmpty();
  }

  @Test
  void everyConfigurationInTheDocumentsWillDo() throws IOException {
    Path root = Path.of("../..");
    Pattern example =
        Pattern.compile(
            "^(?:```yaml|cat >\\S+\\.yaml <<'END')$\\n(.*?)^(?:```|END)$",
            Pattern.MULTILINE | Pattern.DOTALL);
    int seen = 0;
    for (String document :
        List.of("README.md", "docs/configuration.md", "docs/server.md", "docs/threat-model.md")) {
      Matcher matcher = example.matcher(Files.readString(root.resolve(document)));
      while (matcher.find()) {
        assertThat(KnownKeys.faults(document, matcher.group(1))).isEmpty();
        seen++;
      }
    }
    try (Stream<Path> files = Files.list(root.resolve("docs/compose"))) {
      for (Path file : files.filter(path -> path.toString().endsWith(".yaml")).toList()) {
        assertThat(KnownKeys.faults(file.toString(), Files.readString(file))).isEmpty();
        seen++;
      }
    }
    assertThat(seen).isGreaterThanOrEqualTo(6);
  }
}
