package io.blkcast.exporter.source.disk;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.ChangeMap.Changes;
import io.blkcast.exporter.source.Extent;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Images of any size are served, tracked and held to their last byte. */
class OddSizeTest {

  @TempDir Path directory;

  private static ByteBuffer random(int length, long seed) {
    byte[] data = new byte[length];
    new Random(seed).nextBytes(data);
    return ByteBuffer.allocateDirect(length).put(data).flip();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 511, 513, 4097, (1 << 20) + 1, 67108964})
  void everyByteIsServedTrackedAndHeld(int size) throws Exception {
    Path image = directory.resolve("disk.img");
    ByteBuffer before = random(size, 1);
    byte[] bytes = new byte[size];
    before.duplicate().get(bytes);
    Files.write(image, bytes);
    TrackedDisk disk = TrackedDisk.open(DiskOptions.of("disk", image, 0));
    try (DiskSource source = new DiskSource(List.of(disk))) {
      assertThat(disk.size()).isEqualTo(size);
      source.track("disk");
      Position base;
      try (Snapshot snapshot = source.take(List.of("disk"))) {
        base = snapshot.images().get(0).info().position();
      }
      int tail = Math.min(size, 700);
      ByteBuffer written = random(tail, 2);
      disk.write(size - tail, written.duplicate());
      try (Snapshot snapshot = source.take(List.of("disk"))) {
        disk.writeZeroes(0, size, false, false);
        disk.write(size - 1L, random(1, 3));

        Snapshot.Image held = snapshot.images().get(0);
        ByteBuffer read = ByteBuffer.allocateDirect(size);
        held.read(0, read);
        assertThat(read.slice(0, size - tail)).isEqualTo(before.slice(0, size - tail));
        assertThat(read.slice(size - tail, tail)).isEqualTo(written);
        ChangeMap.Cursor cursor = ((Changes) held.changeMap().since(base)).cursor();
        long end = 0;
        while (cursor.next()) {
          end = cursor.offset() + cursor.length();
        }
        assertThat(end).as("end of the last extent").isEqualTo(size);
        Optional<Extent> data = held.data(size - 1L);
        assertThat(data).contains(new Extent(size - 1L, 1));
      }
      ByteBuffer last = ByteBuffer.allocateDirect(1);
      disk.read(size - 1L, last);
      assertThat(last.flip()).isEqualTo(random(1, 3));
      assertThat(disk.run(size - 1L, 1)).isEqualTo(1);
      disk.trim(0, size);
    }
    assertThat(Files.size(image)).isEqualTo(size);
  }

  @ParameterizedTest
  @ValueSource(ints = {513, (1 << 20) + 1})
  void aDiskOfAnySizeGrowsToAnySize(int size) throws Exception {
    Path image = directory.resolve("disk.img");
    TrackedDisk disk = TrackedDisk.open(DiskOptions.of("disk", image, size));
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.track("disk");
      disk.grow(size + 1L);
      disk.write(size, random(1, 4));
      try (Snapshot snapshot = source.take(List.of("disk"))) {
        assertThat(snapshot.images().get(0).info().capacityBytes()).isEqualTo(size + 1L);
      }
    }
    assertThat(Files.size(image)).isEqualTo(size + 1L);
  }
}
