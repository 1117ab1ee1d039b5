package io.blkcast.exporter.source.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kills a process in the midst of its writes, again and again: no change may be forgotten. */
class KilledDiskIT {

  private static final int SIZE = 32 << 20;

  @TempDir Path directory;

  /** Writes at random to the disk from four threads, and takes snapshots, until killed. */
  public static final class Writer {

    private Writer() {}

    public static void main(String[] args) throws Exception {
      TrackedDisk disk = TrackedDisk.open(options(Path.of(args[0])));
      DiskSource source = new DiskSource(List.of(disk));
      for (int i = 0; i < 4; i++) {
        Random random = new Random(Long.parseLong(args[1]) + i);
        Thread thread = new Thread(() -> write(disk, random));
        thread.start();
      }
      // Fewer than would make the base too old.
      for (int take = 0; take < 100; take++) {
        source.take(List.of("disk")).close();
        System.out.println("taken");
      }
    }

    private static void write(TrackedDisk disk, Random random) {
      try {
        while (true) {
          byte[] data = new byte[512 * (1 + random.nextInt(64))];
          random.nextBytes(data);
          long at = 512L * random.nextInt((SIZE - data.length) / 512);
          disk.write(at, ByteBuffer.allocateDirect(data.length).put(data).flip());
        }
      } catch (Exception e) {
        e.printStackTrace();
      }
    }
  }

  private static DiskOptions options(Path directory) {
    return DiskOptions.of("disk", directory.resolve("disk.img"), SIZE).withUnits(4096, 4096);
  }

  @Test
  void theMapCoversEveryChangeOfAKilledProcess() throws Exception {
    byte[] before = new byte[SIZE];
    Position base = null;
    for (int round = 0; round < 6; round++) {
      try (DiskSource source = new DiskSource(List.of(TrackedDisk.open(options(directory))))) {
        source.track("disk");
        try (Snapshot snapshot = source.take(List.of("disk"))) {
          Snapshot.Image image = snapshot.images().get(0);
          byte[] now = content(image);
          if (base != null) {
            ChangeMap.Since since = image.changeMap().since(base);
            assertThat(since).isInstanceOf(ChangeMap.Changes.class);
            assertThat(Arrays.equals(before, now)).as("nothing was written").isFalse();
            ChangeMap.Cursor cursor = ((ChangeMap.Changes) since).cursor();
            while (cursor.next()) {
              int from = (int) cursor.offset();
              System.arraycopy(now, from, before, from, (int) cursor.length());
            }
            assertThat(Arrays.mismatch(before, now)).as("forgotten change").isEqualTo(-1);
          }
          before = now;
          base = image.info().position();
        }
      }
      writeAndKill(round);
    }
  }

  private void writeAndKill(int round) throws Exception {
    Path log = directory.resolve("writer.log");
    Process writer =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Writer.class.getName(),
                directory.toString(),
                Integer.toString(round * 10))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(() -> Files.readString(log).lines().filter("taken"::equals).count() > 2);
      Thread.sleep(20 * round);
    } finally {
      writer.destroyForcibly().waitFor();
    }
    assertThat(Files.readString(log)).doesNotContain("Exception");
  }

  private static byte[] content(Snapshot.Image image) throws Exception {
    ByteBuffer data = ByteBuffer.allocateDirect(SIZE);
    image.read(0, data);
    byte[] bytes = new byte[SIZE];
    data.flip().get(bytes);
    return bytes;
  }
}
