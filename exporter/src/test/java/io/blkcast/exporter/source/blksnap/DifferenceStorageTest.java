package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where overwritten data goes, on machines that are made up of a sysfs and some filesystems. */
class DifferenceStorageTest {

  private static final long GIB = 1L << 30;
  private static final BlksnapDifferenceStorage UNCONFIGURED =
      new BlksnapDifferenceStorage(Optional.empty(), OptionalLong.empty(), OptionalLong.empty());

  @TempDir Path root;

  private final Map<String, Long> device = new HashMap<>();
  private final Map<String, Long> usable = new HashMap<>();
  private StorageHost host;

  @BeforeEach
  void machine() throws IOException {
    Files.writeString(root.resolve("meminfo"), "MemTotal: 1 kB\nMemAvailable:    8388608 kB\n");
    host =
        new StorageHost(
            root,
            root.resolve("meminfo"),
            new StorageHost.Filesystems() {
              @Override
              public long device(Path path) throws IOException {
                return known(device, path);
              }

              @Override
              public long usable(Path path) throws IOException {
                return known(usable, path);
              }
            });
    disk("vda", 0);
    partition("vda", "vda1", 1);
    disk("vdb", 16);
    filesystem("/dev/shm", 999, 4 * GIB);
  }

  private static long known(Map<String, Long> values, Path path) throws IOException {
    Long value = values.get(path.toString());
    if (value == null) {
      throw new NoSuchFileException(path.toString());
    }
    return value;
  }

  private void disk(String name, int minor, String... slaves) throws IOException {
    Path real = Files.createDirectories(root.resolve("devices/" + name));
    for (String slave : slaves) {
      Files.createDirectories(real.resolve("slaves").resolve(slave));
    }
    link(real, name, minor);
  }

  private void partition(String disk, String name, int minor) throws IOException {
    Path real = Files.createDirectories(root.resolve("devices/" + disk + "/" + name));
    Files.writeString(real.resolve("partition"), "1\n");
    link(real, name, minor);
  }

  private void link(Path real, String name, int minor) throws IOException {
    Files.createSymbolicLink(
        Files.createDirectories(root.resolve("class/block")).resolve(name), real);
    Files.createSymbolicLink(
        Files.createDirectories(root.resolve("dev/block")).resolve("253:" + minor), real);
  }

  private void filesystem(String path, int minor, long free) {
    device.put(path, FilteredDevice.makedev(253, minor));
    usable.put(path, free);
  }

  @Test
  void a_filesystem_on_another_disk_comes_first_with_half_of_its_free_space() throws Exception {
    filesystem("/var/lib/blkcast", 16, 10 * GIB);
    BlksnapDifferenceStorage.Place place = UNCONFIGURED.choose(List.of("vda"), host);
    assertThat(place.path()).isEqualTo("/var/lib/blkcast");
    assertThat(place.limitBytes()).isEqualTo(5 * GIB);
    assertThat(place.reason()).contains("vdb", "not part of the snapshot");
  }

  @Test
  void a_filesystem_of_the_snapshot_is_passed_over_also_by_its_partition_or_below_a_stack()
      throws Exception {
    disk("dm-0", 32, "vda1");
    filesystem("/var/lib/blkcast", 32, 10 * GIB);
    filesystem("/var/tmp", 1, 10 * GIB);
    filesystem("/var/lib", 16, 2 * GIB);
    assertThat(UNCONFIGURED.choose(List.of("vda"), host).path()).isEqualTo("/var/lib");
    assertThat(UNCONFIGURED.choose(List.of("vda1"), host).path()).isEqualTo("/var/lib");
    assertThat(UNCONFIGURED.choose(List.of("vdb"), host).path()).isEqualTo("/var/lib/blkcast");
  }

  @Test
  void memory_within_its_share_is_the_last_resort_and_says_why() throws Exception {
    filesystem("/var/lib/blkcast", 1, 10 * GIB);
    filesystem("/var/tmp", 16, 100 << 20);
    BlksnapDifferenceStorage.Place place = UNCONFIGURED.choose(List.of("vda"), host);
    assertThat(place.path()).isEqualTo("/dev/shm");
    assertThat(place.limitBytes()).as("a quarter of what is available").isEqualTo(2 * GIB);
    assertThat(place.reason())
        .contains("/var/lib/blkcast lies on vda1, part of the snapshot")
        .contains("/var/tmp has 100 MiB free only");
    filesystem("/dev/shm", 999, GIB);
    assertThat(UNCONFIGURED.choose(List.of("vda"), host).limitBytes())
        .as("no more than tmpfs holds")
        .isEqualTo(GIB);
  }

  @Test
  void with_nothing_left_it_says_what_was_tried_and_what_to_do() throws Exception {
    Files.writeString(root.resolve("meminfo"), "MemAvailable: 65536 kB\n");
    filesystem("/var/lib", 1, GIB);
    assertThatThrownBy(() -> UNCONFIGURED.choose(List.of("vda"), host))
        .hasMessageContaining("/var/lib lies on vda1")
        .hasMessageContaining("16 MiB of memory")
        .hasMessageContaining("Set differenceStorage.path");
  }

  @Test
  void what_is_configured_is_taken_as_it_is_and_grows_no_further_than_it_may() throws Exception {
    usable.put("/spare", 100 * GIB);
    BlksnapDifferenceStorage limited =
        new BlksnapDifferenceStorage(
            Optional.of("/spare"), OptionalLong.of(GIB), OptionalLong.of(5 * GIB));
    BlksnapDifferenceStorage.Place place = limited.choose(List.of("vda"), host);
    assertThat(place.limitBytes()).isEqualTo(GIB);
    assertThat(Stream.of(0, 1, 2, 3, 9).map(times -> place.doubled(times).limitBytes()))
        .containsExactly(GIB, 2 * GIB, 4 * GIB, 5 * GIB, 5 * GIB);
    BlksnapDifferenceStorage fixed =
        new BlksnapDifferenceStorage(
            Optional.of("/spare"), OptionalLong.of(GIB), OptionalLong.empty());
    assertThat(fixed.choose(List.of("vda"), host).doubled(3).limitBytes()).isEqualTo(GIB);
    assertThatThrownBy(
            () ->
                new BlksnapDifferenceStorage(
                        Optional.of("/nowhere"), OptionalLong.empty(), OptionalLong.empty())
                    .choose(List.of("vda"), host))
        .hasMessageContaining("/nowhere cannot be used");
  }

  @Test
  void disks_with_partitions_are_told_from_those_without() {
    assertThat(host.hasPartitions("vda")).isTrue();
    assertThat(host.hasPartitions("vda1")).isFalse();
    assertThat(host.hasPartitions("vdb")).isFalse();
    assertThat(host.hasPartitions("vdz")).isFalse();
  }

  @Test
  void every_disk_is_covered_with_the_partitions_that_it_may_get() throws Exception {
    assertThat(covers("vda", Abi.FEATURE_WHOLE_DISK)).isTrue();
    assertThat(covers("vdb", Abi.FEATURE_WHOLE_DISK)).as("has none yet").isTrue();
    assertThat(covers("vda1", Abi.FEATURE_WHOLE_DISK)).isFalse();
    assertThat(covers("vdz", Abi.FEATURE_WHOLE_DISK)).as("unknown").isFalse();
  }

  @Test
  void where_the_module_does_not_see_partitions_a_disk_is_refused_that_has_got_some()
      throws Exception {
    assertThat(covers("vda1", 0)).isFalse();
    assertThat(covers("vdb", 0)).isFalse();
    partition("vdb", "vdb1", 17);
    assertThatThrownBy(() -> covers("vdb", 0))
        .isInstanceOfSatisfying(
            SourceException.class, e -> assertThat(e.code()).isEqualTo(Code.UNSUPPORTED))
        .hasMessageContaining("has partitions")
        .hasMessageContaining("Make each partition a volume");
  }

  private boolean covers(String name, long features) throws SourceException {
    FilteredDevice device = new FilteredDevice("/nowhere/" + name, null);
    return BlksnapSource.coversPartitions("data", device, features, host);
  }

  @Test
  void mounted_devices_are_read_from_mountinfo() {
    assertThat(
            Mounts.devices(
                Stream.of(
                    "22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw",
                    "23 22 0:21 / /proc rw - proc proc rw",
                    "40 22 259:300 /sub /data rw - xfs /dev/nvme0n1p1 rw",
                    "")))
        .containsExactlyInAnyOrder(
            FilteredDevice.makedev(253, 1),
            FilteredDevice.makedev(0, 21),
            FilteredDevice.makedev(259, 300));
    long large = FilteredDevice.makedev(0x12345, 0x6789a);
    assertThat(FilteredDevice.major(large)).isEqualTo(0x12345);
    assertThat(FilteredDevice.minor(large)).isEqualTo(0x6789a);
  }
}
