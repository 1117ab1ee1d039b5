package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.nbd.NbdClient;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.testkit.EmbeddedBroker;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Random;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Something else changes the image: the replica equals it in the end all the same. */
class ContinuityIT {

  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final int MIB = 1 << 20;

  @TempDir Path dir;
  private final Random random = new Random(13);

  private byte[] random(int length) {
    byte[] data = new byte[length];
    random.nextBytes(data);
    return data;
  }

  private void publishAndReplicate(Rig rig) throws Exception {
    rig.increment();
    assertThat(rig.run("replicate.log", rig.replicate("--once")))
        .as(rig.log("replicate.log"))
        .isZero();
  }

  private static void assertIdentical(Rig rig) throws IOException {
    assertThat(Files.mismatch(rig.disk, rig.replica)).as("first difference").isEqualTo(-1L);
    assertThat(rig.verify()).as(rig.log("verify.log")).isZero();
  }

  private void write(Rig rig, long offset, int length) throws IOException {
    try (NbdClient client = new NbdClient(rig.nbdUri())) {
      client.write(offset, random(length));
      client.flush();
    }
  }

  private void writeForeign(Path file, long offset, int length) throws IOException {
    try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
      image.seek(offset);
      image.write(random(length));
    }
  }

  private static void resize(Path file, long bytes) throws IOException {
    try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
      image.setLength(bytes);
    }
  }

  /** Asks for an increment, and waits until the volume's status tells why there is none. */
  private static void assertRefused(Rig rig, String reason) throws Exception {
    rig.call("POST", "/api/v1/volumes/" + Rig.VOLUME + "/increments");
    Awaitility.await()
        .atMost(PATIENCE)
        .until(() -> rig.call("GET", "/api/v1/volumes/" + Rig.VOLUME).body().contains(reason));
  }

  @Test
  void anImageChangedAfterAKillIsPublishedWhole() throws Exception {
    try (Rig rig = new Rig(dir)) {
      Process exporter = rig.startExporter();
      write(rig, 0, MIB);
      publishAndReplicate(rig);
      Rig.kill(exporter);
      writeForeign(rig.disk, 6 * MIB, 4 * 65536);
      rig.startExporter();
      publishAndReplicate(rig);
      assertIdentical(rig);
      assertThat(rig.log("exporter.log")).contains("history is in doubt: something else changed");
    }
  }

  @Test
  void anImageOverwrittenInPlaceWhileItIsServedIsPublishedWhole() throws Exception {
    try (Rig rig = new Rig(dir)) {
      rig.startExporter();
      write(rig, 0, MIB);
      publishAndReplicate(rig);
      writeForeign(rig.disk, 0, (int) Rig.SIZE);
      publishAndReplicate(rig);
      assertIdentical(rig);
    }
  }

  @Test
  void anImageCutWhileItIsServedIsNotPublishedUntilItIsWhole() throws Exception {
    try (Rig rig = new Rig(dir)) {
      rig.startExporter();
      write(rig, 8 * MIB, MIB);
      publishAndReplicate(rig);
      resize(rig.disk, 4 * MIB);
      write(rig, 12 * MIB, 4096);
      assertRefused(rig, "something cut it");
      resize(rig.disk, Rig.SIZE);
      publishAndReplicate(rig);
      assertIdentical(rig);
    }
  }

  @Test
  void anImageReplacedWhileItIsServedIsPublishedAfterARestart() throws Exception {
    try (Rig rig = new Rig(dir)) {
      Process exporter = rig.startExporter();
      write(rig, 0, MIB);
      publishAndReplicate(rig);
      Path other = Files.write(dir.resolve("other.img"), random((int) Rig.SIZE));
      Files.move(other, rig.disk, StandardCopyOption.REPLACE_EXISTING);
      assertRefused(rig, "restart the exporter to serve what is there now");
      exporter.destroy();
      exporter.waitFor();
      rig.startExporter();
      publishAndReplicate(rig);
      assertIdentical(rig);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 511, 513, MIB + 1, 67108964})
  void anImageOfAnySizeIsReplicatedWhole(int size) throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      String yaml =
          """
          kafka: { bootstrap.servers: "%s" }
          topics: { replicationFactor: 1 }
          """
              .formatted(broker.bootstrapServers());
      try (Scene scene = new Scene(dir, yaml, "")) {
        Files.write(scene.disk, random(size));
        scene.startReady();
        scene.increment();
        scene.write(size - 1L, random(1));
        IncrementCommitted delta = scene.increment();
        assertThat(delta.getKind()).isEqualTo(IncrementKind.DELTA);
        assertThat(delta.getVolumeCapacityBytes()).isEqualTo(size);
        Scene.Ended replicated = scene.replicateOnce(yaml);
        assertThat(replicated.status()).as(replicated.output()).isZero();
        scene.assertIdentical(yaml);
      }
    }
  }
}
