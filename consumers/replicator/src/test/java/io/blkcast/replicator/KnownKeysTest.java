package io.blkcast.replicator;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
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
}
