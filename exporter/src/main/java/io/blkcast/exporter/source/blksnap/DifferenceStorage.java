package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where snapshots keep overwritten data: as configured, else a directory on a filesystem that is
 * not part of the snapshot, else memory within a share. What was chosen and why is logged.
 *
 * @param path configured directory, file or block device
 * @param limitBytes configured limit
 */
public record DifferenceStorage(Optional<String> path, OptionalLong limitBytes) {

  private static final Logger log = LoggerFactory.getLogger(DifferenceStorage.class);

  /** Directories tried in turn where none is configured; the module makes an unnamed file there. */
  private static final List<String> CANDIDATES =
      List.of("/var/lib/blkcast", "/var/tmp", "/var/lib");

  private static final String MEMORY = "/dev/shm";

  /** Share of a filesystem's free space that a storage takes unless configured: 1/2. */
  private static final int FREE_SHARE = 2;

  /** Share of available memory that a storage takes unless configured: 1/4. */
  private static final int MEMORY_SHARE = 4;

  /** Below this a storage is not worth having: a few seconds of a busy disk. */
  private static final long LEAST_BYTES = 64L << 20;

  /** A storage to create a snapshot with. */
  record Place(String path, long limitBytes) {}

  /**
   * Chooses for a snapshot of the devices.
   *
   * @throws SourceException {@code NO_SPACE} where nothing fits
   */
  Place choose(List<String> devices) throws SourceException {
    if (path.isPresent()) {
      return new Place(path.get(), limit(path.get(), FREE_SHARE));
    }
    Set<String> taken = new HashSet<>();
    for (String device : devices) {
      taken.addAll(disksUnder(sysName(device)));
    }
    for (String candidate : CANDIDATES) {
      if (!Files.isDirectory(Path.of(candidate))) {
        continue;
      }
      Optional<String> under = deviceOf(candidate);
      if (under.isEmpty()) {
        continue; // not on a block device: the module could not open files there directly
      }
      Set<String> disks = disksUnder(under.get());
      disks.retainAll(taken);
      long limit = limit(candidate, FREE_SHARE);
      if (disks.isEmpty() && limit >= LEAST_BYTES) {
        log.info(
            "difference storage: {} on {}, up to {} MiB: not part of the snapshot",
            candidate,
            under.get(),
            limit >> 20);
        return new Place(candidate, limit);
      }
    }
    long limit = Math.min(limit(MEMORY, 1), availableMemory() / MEMORY_SHARE);
    if (limit < LEAST_BYTES) {
      throw new SourceException(
          Code.NO_SPACE,
          "No place for the difference storage: every filesystem tried is on a disk of the snapshot or"
              + " full, and memory is short. Set differenceStorage.path to a directory on another disk");
    }
    log.info(
        "difference storage: memory, up to {} MiB: no filesystem outside the snapshot was found;"
            + " set differenceStorage.path for more",
        limit >> 20);
    return new Place(MEMORY, limit);
  }

  private long limit(String place, int share) throws SourceException {
    if (limitBytes.isPresent()) {
      return limitBytes.getAsLong();
    }
    try {
      Path file = Path.of(place);
      if (Files.isDirectory(file)) {
        return Files.getFileStore(file).getUsableSpace() / share;
      }
      return Files.isRegularFile(file) ? Files.size(file) : blockDeviceBytes(sysName(place));
    } catch (IOException e) {
      throw new SourceException(
          Code.NO_SPACE,
          "The difference storage " + place + " cannot be used: " + e.getMessage(),
          e);
    }
  }

  /** Name under /sys/class/block of the device on which a path's filesystem lies. */
  private static Optional<String> deviceOf(String path) {
    try {
      String name = Files.getFileStore(Path.of(path)).name();
      return name.startsWith("/dev/") ? Optional.of(sysName(name)) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static String sysName(String device) {
    try {
      return Path.of(device).toRealPath().getFileName().toString();
    } catch (IOException e) {
      return Path.of(device).getFileName().toString();
    }
  }

  /** The device itself and all that it stands on: its disk, and the members of a stacked device. */
  private static Set<String> disksUnder(String name) {
    Set<String> found = new HashSet<>();
    List<String> open = new ArrayList<>(List.of(name));
    while (!open.isEmpty()) {
      String next = open.remove(open.size() - 1);
      if (!found.add(next)) {
        continue;
      }
      Path sys = Path.of("/sys/class/block", next);
      try {
        if (Files.exists(sys.resolve("partition"))) {
          open.add(sys.toRealPath().resolve("..").normalize().getFileName().toString());
        }
        try (Stream<Path> slaves = Files.list(sys.resolve("slaves"))) {
          slaves.forEach(slave -> open.add(slave.getFileName().toString()));
        }
      } catch (IOException e) {
        // A device without members, or one that is going away.
      }
    }
    return found;
  }

  private static long blockDeviceBytes(String name) throws IOException {
    return Long.parseLong(Files.readString(Path.of("/sys/class/block", name, "size")).trim())
        * Abi.SECTOR;
  }

  private static long availableMemory() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst()
          .orElse(0);
    } catch (IOException e) {
      return 0;
    }
  }
}
