package io.blkcast.exporter.source.blksnap;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;

/** Which devices hold a mounted filesystem, by {@code mountinfo} (proc_pid_mountinfo(5)). */
final class Mounts {

  private static final Path MOUNTINFO = Path.of("/proc/self/mountinfo");

  private Mounts() {}

  /**
   * Of this process's mounts. Filesystems with a device number of their own, as btrfs, are not in
   * it.
   */
  static Set<Long> devices() {
    try (Stream<String> lines = Files.lines(MOUNTINFO)) {
      return devices(lines);
    } catch (IOException e) {
      return Set.of();
    }
  }

  /** Numbers as {@link FilteredDevice#makedev} makes them. */
  static Set<Long> devices(Stream<String> mountinfo) {
    Set<Long> found = new HashSet<>();
    mountinfo.forEach(
        line -> {
          String[] fields = line.split(" ", 4);
          String[] number = fields.length < 4 ? fields : fields[2].split(":", 2);
          if (number.length == 2) {
            found.add(
                FilteredDevice.makedev(Integer.parseInt(number[0]), Integer.parseInt(number[1])));
          }
        });
    return found;
  }
}
