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

/**
 * Where snapshots keep overwritten data: as configured, else a directory on a filesystem that is
 * not part of the snapshot, else memory within a share.
 *
 * @param path configured directory, file or block device
 * @param limitBytes configured limit
 * @param mostBytes what the limit may be raised to after a storage that ran full; empty for the
 *     limit, or for the free space where no limit is configured
 */
public record BlksnapDifferenceStorage(
    Optional<String> path, OptionalLong limitBytes, OptionalLong mostBytes) {

  /** Directories tried in turn where none is configured; the module makes an unnamed file there. */
  static final List<String> CANDIDATES = List.of("/var/lib/blkcast", "/var/tmp", "/var/lib");

  static final String MEMORY = "/dev/shm";

  /** Share of a filesystem's free space that a storage takes unless configured: 1/2. */
  private static final int FREE_SHARE = 2;

  /** Share of available memory that a storage takes unless configured: 1/4. */
  private static final int MEMORY_SHARE = 4;

  /** Below this a storage is not worth having: a few seconds of a busy disk. */
  private static final long LEAST_BYTES = 64L << 20;

  /**
   * A storage to create a snapshot with.
   *
   * @param path of a directory, file or block device
   * @param limitBytes for now
   * @param mostBytes to which the limit may be raised
   * @param reason why this one, for people
   */
  record Place(String path, long limitBytes, long mostBytes, String reason) {

    /** With the limit doubled so many times, as far as it may. */
    Place doubled(int times) {
      long limit = limitBytes;
      for (int i = 0; i < times && limit < mostBytes; i++) {
        limit = Math.min(mostBytes, 2 * limit);
      }
      return new Place(path, limit, mostBytes, reason);
    }
  }

  /**
   * Chooses for a snapshot of the devices.
   *
   * @param devices names under /sys/class/block
   * @throws SourceException {@code NO_SPACE} where nothing fits
   */
  Place choose(List<String> devices, StorageHost host) throws SourceException {
    if (path.isPresent()) {
      return limited(path.get(), space(path.get(), host), FREE_SHARE, "configured");
    }
    Set<String> taken = new HashSet<>();
    devices.forEach(device -> taken.addAll(host.disksUnder(device)));
    List<String> passed = new ArrayList<>();
    for (String candidate : CANDIDATES) {
      Optional<String> under = host.deviceOf(Path.of(candidate));
      if (under.isEmpty()) {
        continue; // Not there, or on no block device: the module needs one below its files.
      }
      Set<String> disks = host.disksUnder(under.get());
      disks.retainAll(taken);
      if (!disks.isEmpty()) {
        passed.add(candidate + " lies on " + under.get() + ", part of the snapshot");
        continue;
      }
      if (readOnly(candidate)) {
        passed.add(candidate + " is mounted read-only for this process");
        continue;
      }
      long space = space(candidate, host);
      if (space / FREE_SHARE < LEAST_BYTES) {
        passed.add(candidate + " has " + (space >> 20) + " MiB free only");
        continue;
      }
      String reason = "on " + under.get() + ", which is not part of the snapshot";
      return limited(candidate, space, FREE_SHARE, reason);
    }
    String why = passed.isEmpty() ? "no filesystem on a disk was found" : String.join("; ", passed);
    long memory = Math.min(memorySpace(host), host.availableMemory() / MEMORY_SHARE);
    if (memory < LEAST_BYTES) {
      throw new SourceException(
          Code.NO_SPACE,
          "No place for the difference storage: "
              + why
              + "; and only "
              + (memory >> 20)
              + " MiB of memory could be spared. Set differenceStorage.path to a directory on another"
              + " disk");
    }
    return limited(MEMORY, memory, 1, "memory, as " + why);
  }

  private Place limited(String place, long space, int share, String reason) {
    long limit = limitBytes.orElse(space / share);
    long most = mostBytes.orElse(limit);
    return new Place(place, limit, Math.max(limit, most), reason);
  }

  /** A service may be allowed to write to its state directory only. */
  private static boolean readOnly(String candidate) {
    try {
      return Files.getFileStore(Path.of(candidate)).isReadOnly();
    } catch (IOException e) {
      return false; // The module will say what is wrong.
    }
  }

  private static long memorySpace(StorageHost host) {
    try {
      return host.files().usable(Path.of(MEMORY));
    } catch (IOException e) {
      return 0;
    }
  }

  /** Bytes that a storage at that place could hold. */
  static long space(String place, StorageHost host) throws SourceException {
    try {
      Path file = Path.of(place);
      return !Files.exists(file) || Files.isDirectory(file)
          ? host.files().usable(file)
          : Files.isRegularFile(file)
              ? Files.size(file)
              : host.deviceBytes(StorageHost.sysName(place));
    } catch (IOException e) {
      throw new SourceException(
          Code.NO_SPACE,
          "The difference storage "
              + place
              + " cannot be used: "
              + e
              + ". Set differenceStorage.path to a directory, file or block device that is there",
          e);
    }
  }
}
