package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.broker.EmbeddedBroker;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.schema.IncrementKind;
import io.vertx.core.Future;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExporterIT {

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

  private ExporterConfig config(String volume) throws Exception {
    return ExporterConfig.parse(
        "test.yaml",
        """
        kafka: { bootstrap.servers: "%s" }
        topics: { replicationFactor: 1 }
        state: %s/state
        http: { listen: "127.0.0.1:0" }
        management: { listen: "127.0.0.1:0" }
        nbd: { listen: "127.0.0.1:0" }
        volumes:
          - name: %s
            path: %s/%s.img
            size: 64MiB
        """
            .formatted(broker.bootstrapServers(), directory, volume, directory, volume),
        Map.of());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(120, TimeUnit.SECONDS);
  }

  @Test
  void a_baseline_and_deltas_add_up_to_the_image() throws Exception {
    Exporter exporter = await(Exporter.start(config("plain")));
    try {
      await(exporter.ready());
      Tools.qemuIo(
          exporter.nbdUri("plain").orElseThrow(), "write -P 0x11 0 1M", "write -P 0x22 33M 3M");
      Committed baseline = await(exporter.increment("plain"));
      Tools.qemuIo(
          exporter.nbdUri("plain").orElseThrow(), "write -P 0x33 34M 100k", "write -z 0 64k");
      Committed delta = await(exporter.increment("plain"));

      assertThat(baseline.manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
      assertThat(baseline.manifest().getChangedBytes()).isEqualTo(64L << 20);
      assertThat(delta.manifest().getKind()).isEqualTo(IncrementKind.DELTA);
      assertThat(delta.manifest().getChangedBytes()).isEqualTo((128 + 64) << 10);
      Replay replay = Replay.of(broker.bootstrapServers(), "plain");
      assertThat(replay.committed).hasSize(2);
      assertThat(replay.content).isEqualTo(Files.readAllBytes(directory.resolve("plain.img")));
    } finally {
      await(exporter.close());
    }
  }
}
