package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.ChangedExtents;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of consuming without our client do what they say. */
class ExamplesIT {

  private static final Path EXAMPLES = Path.of("../examples");
  private static final Path SCHEMAS = Path.of("../../schemas/src/main/resources/io/blkcast/schema");

  @TempDir private Path dir;

  @Test
  @NeedsTool({"kcat", "python3", "python3:confluent_kafka", "python3:avro", "python3:zstandard"})
  void python_and_kcat_read_what_the_exporter_wrote() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started();
        Scene scene =
            new Scene(
                dir.resolve("scene"),
                "kafka: { bootstrap.servers: \"%s\" }\ntopics: { replicationFactor: 1 }\n"
                    .formatted(broker.bootstrapServers()))) {
      scene.startReady();
      List<String> expected = new ArrayList<>();
      List<String> extents = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        scene.write();
        IncrementCommitted manifest = scene.increment();
        byte[] digest = new byte[manifest.getContentDigest().remaining()];
        manifest.getContentDigest().duplicate().get(digest);
        expected.add(
            manifest.getIncrementId()
                + " "
                + manifest.getKind()
                + " "
                + HexFormat.of().formatHex(digest));
        extents.add(
            "%s %s %d %d"
                .formatted(
                    manifest.getIncrementId(),
                    manifest.getKind(),
                    manifest.getExtentCount(),
                    manifest.getChangedBytes()));
      }
      Path image = dir.resolve("python.img");
      String[] python = {
        EXAMPLES.resolve("replicate.py").toString(),
        broker.bootstrapServers(),
        Scene.VOLUME,
        SCHEMAS.toString(),
        image.toString()
      };
      assertThat(run(0, python).lines()).containsExactlyElementsOf(expected);
      assertThat(Files.mismatch(scene.disk, image)).as("first difference").isEqualTo(-1L);

      List<String> seen =
          run(0, EXAMPLES.resolve("kcat.sh").toString(), broker.bootstrapServers(), Scene.VOLUME)
              .lines()
              .toList();
      assertThat(seen).filteredOn(line -> line.startsWith("increment ")).hasSize(3);
      assertThat(seen)
          .filteredOn(line -> line.startsWith("checkpoint ") && line.contains("blkcast-owner="))
          .isNotEmpty();
      assertThat(seen.get(seen.size() - 1).strip()).startsWith("c3 01 ");

      // What others wrote is skipped, and extents that no manifest names are not counted.
      try (KafkaProducer<byte[], byte[]> stranger =
          new KafkaProducer<>(
              Map.of("bootstrap.servers", broker.bootstrapServers()),
              new ByteArraySerializer(),
              new ByteArraySerializer())) {
        byte[] key = Scene.VOLUME.getBytes(StandardCharsets.UTF_8);
        stranger.send(new ProducerRecord<>("blkcast.chunks", key, new byte[] {1, 2, 3})).get();
        ChangedExtents abandoned =
            new ChangedExtents(
                Scene.VOLUME, UUID.randomUUID(), 0L, List.of(new BlockMetadata(0L, 65536L)));
        byte[] batch = RecordCodec.singleObject().encode("blkcast.extents", abandoned);
        stranger.send(new ProducerRecord<>("blkcast.extents", key, batch)).get();
      }
      assertThat(
              run(
                      0,
                      EXAMPLES.resolve("extents.py").toString(),
                      broker.bootstrapServers(),
                      Scene.VOLUME,
                      SCHEMAS.toString())
                  .lines())
          .containsExactlyElementsOf(extents);
      assertThat(run(0, python).lines()).containsExactlyElementsOf(expected);
      python[2] = "nobody";
      assertThat(run(1, python)).contains("nothing is committed of volume nobody");
    }
  }

  private String run(int status, String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(output).isEqualTo(status);
    return output;
  }
}
