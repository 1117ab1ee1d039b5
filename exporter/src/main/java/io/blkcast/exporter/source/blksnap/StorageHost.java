package io.blkcast.exporter.source.blksnap;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a machine says of its block devices, filesystems and memory.
 *
 * @param sys where sysfs is mounted
 * @param meminfo figures of the memory, as {@code /proc/meminfo}
 * @param files asks filesystems
 */
record StorageHost(Path sys, Path meminfo, Filesystems files) {

  /** Asks the filesystem that a path lies on. */
  interface Filesystems {

    /** Number of the device, as {@link FilteredDevice#makedev} makes it. */
    long device(Path path) throws IOException;

    /** Bytes that may be written there. */
    long usable(Path path) throws IOException;
  }

  /** This machine. */
  static final StorageHost LOCAL =
      new StorageHost(
          Path.of("/sys"),
          Path.of("/proc/meminfo"),
          new Filesystems() {
            @Override
            public long device(Path path) throws IOException {
              return ((Number) Files.getAttribute(path, "unix:dev")).longValue();
            }

            @Override
            public long usable(Path path) throws IOException {
              return Files.getFileStore(path).getUsableSpace();
            }
          });

  /** Name of the block device that the path's filesystem lies on; empty where it has none. */
  Optional<String> deviceOf(Path path) {
    try {
      long number = files.device(path);
      Path link =
          sys.resolve(
              "dev/block/" + FilteredDevice.major(number) + ":" + FilteredDevice.minor(number));
      return Files.exists(link)
          ? Optional.of(link.toRealPath().getFileName().toString())
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** The device itself and all that it stands on: its disk, and the members of a stacked device. */
  Set<String> disksUnder(String name) {
    Set<String> found = new HashSet<>();
    List<String> open = new ArrayList<>(List.of(name));
    while (!open.isEmpty()) {
      String next = open.remove(open.size() - 1);
      if (!found.add(next)) {
        continue;
      }
      Path device = sys.resolve("class/block").resolve(next);
      try {
        if (Files.exists(device.resolve("partition"))) {
          open.add(device.toRealPath().resolve("..").normalize().getFileName().toString());
        }
        try (Stream<Path> slaves = Files.list(device.resolve("slaves"))) {
          slaves.forEach(slave -> open.add(slave.getFileName().toString()));
        }
      } catch (IOException e) {
        // A device without members, or one that is going away.
      }
    }
    return found;
  }

  /** Whether the device is a disk, known by this name, and not a partition of one. */
  boolean isDisk(String name) {
    Path device = sys.resolve("class/block").resolve(name);
    return Files.exists(device) && !Files.exists(device.resolve("partition"));
  }

  /** Whether the device is a disk that has partitions. */
  boolean hasPartitions(String name) {
    try (Stream<Path> entries = Files.list(sys.resolve("class/block").resolve(name))) {
      return entries.anyMatch(entry -> Files.exists(entry.resolve("partition")));
    } catch (IOException e) {
      return false;
    }
  }

  /** Name of the filter that is attached to the device; empty for none. */
  String filter(String path) {
    try {
      return Files.readString(sys.resolve("class/block").resolve(sysName(path)).resolve("filter"))
          .strip();
    } catch (IOException e) {
      return "";
    }
  }

  /** Bytes of a block device. */
  long deviceBytes(String name) throws IOException {
    return Long.parseLong(
            Files.readString(sys.resolve("class/block").resolve(name).resolve("size")).trim())
        * Abi.SECTOR;
  }

  /** Bytes of memory that can be had without swapping, 0 where that is unknown. */
  long availableMemory() {
    try (Stream<String> lines = Files.lines(meminfo)) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst()
          .orElse(0);
    } catch (IOException e) {
      return 0;
    }
  }

  /** Name under which sysfs knows a device, its path's links followed. */
  static String sysName(String device) {
    Path path = Path.of(device);
    try {
      path = path.toRealPath();
    } catch (IOException e) {
      // Not there: its own name will do.
    }
    return String.valueOf(path.getFileName());
  }
}
