package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An exporter's heap does not grow with the volume. */
class HeapIT {

  /** Of the G1 collector's log: MiB that live on after a collection. */
  private static final Pattern COLLECTED = Pattern.compile("[0-9]+M->([0-9]+)M\\(");

  @TempDir Path directory;

  /**
   * One block in a hundred is changed, each by a write of 4 KiB to a sparse disk: so an increment
   * of 1 % of the volume is read, digested, compressed and sent chunk by chunk, while disk and
   * broker of a small machine hold what it takes.
   */
  @Test
  @NeedsTool("fio")
  void a_volume_of_4_tib_with_one_percent_changed_takes_no_more_than_one_of_64_gib()
      throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      long small = peak(broker, "small", 64L << 30, 64 << 10);
      long large = peak(broker, "large", 4L << 40, 2 << 20);
      System.out.printf("most heap after a collection: %d and %d MiB%n", small, large);
      assertThat(large).as("MiB, of at most 256").isLessThan(small + small / 2 + 16);
    }
  }

  /** MiB of heap at most, after collections. */
  private long peak(EmbeddedBroker broker, String volume, long size, int blockSize)
      throws Exception {
    Path own = Files.createDirectory(directory.resolve(volume));
    Scene scene =
        new Scene(own, broker.bootstrapServers(), volume)
            .size(Long.toString(size))
            .volumeSetting("compression: zstd")
            .volumeSetting("chunkSize: 64KiB");
    Path log = own.resolve("gc.log");
    long blocks = size / blockSize;
    long changed = blocks / 100;
    try (ForkedExporter exporter =
        ForkedExporter.start(scene, "-Xmx256m", "-XX:+UseG1GC", "-Xlog:gc:file=" + log)) {
      JsonObject baseline = increment(exporter, scene);
      assertThat(baseline.getLong("changedBytes")).isEqualTo(size);
      assertThat(baseline.getLong("payloadBytes")).isZero();
      write(scene, blocks / changed * blockSize, changed);
      JsonObject delta = increment(exporter, scene);
      assertThat(delta.getString("kind")).isEqualTo("DELTA");
      assertThat(delta.getLong("changedBytes")).isEqualTo(changed * blockSize);
      assertThat(delta.getLong("extents")).isEqualTo(changed);
      assertThat(delta.getLong("payloadBytes")).isGreaterThan(changed * 4000);
      assertThat(exporter.terminate()).isEqualTo(143);
      assertThat(exporter.output()).doesNotContain("OutOfMemoryError");
    }
    return mostAfterCollection(log);
  }

  private static JsonObject increment(ForkedExporter exporter, Scene scene) throws Exception {
    HttpResponse<String> answer =
        Scene.call("POST", exporter.volume(scene) + "/increments?wait=true");
    assertThat(answer.statusCode()).as("%s%n%s", answer.body(), exporter.output()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  /** Writes 4 KiB of noise every {@code stride} bytes. */
  private static void write(Scene scene, long stride, long times) throws Exception {
    int bytes = 4 << 10;
    Process fio =
        new ProcessBuilder(
                "fio",
                "--name=change",
                "--ioengine=nbd",
                "--uri=" + scene.nbd(),
                "--rw=write:" + (stride - bytes),
                "--bs=" + bytes,
                "--number_ios=" + times,
                "--iodepth=16",
                "--refill_buffers=1")
            .redirectErrorStream(true)
            .start();
    String output = new String(fio.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(fio.waitFor()).as(output).isZero();
  }

  private static long mostAfterCollection(Path log) throws IOException {
    long most = -1;
    int collections = 0;
    for (String line : Files.readAllLines(log)) {
      Matcher found = COLLECTED.matcher(line);
      if (found.find()) {
        collections++;
        most = Math.max(most, Long.parseLong(found.group(1)));
      }
    }
    assertThat(collections).as("collections, by which to judge").isGreaterThan(1);
    return most;
  }
}
