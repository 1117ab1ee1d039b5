package io.blkcast.exporter.config;

import io.blkcast.config.ConfigSection;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Holds that no file serves two purposes: what is written as one would be lost as the other, and a
 * difference storage begins by removing what is there. Links are followed as far as they lead to
 * something.
 */
final class FileUses {

  /** One storage serves all devices: each snapshot has a file of its own, or the kernel says no. */
  private static final String STORAGE_OF_DEVICES = "where overwritten data of devices is kept";

  private final Map<Path, String> uses = new HashMap<>();

  private FileUses() {}

  /**
   * Notes a fault at each path that has another use.
   *
   * @param sections of the volumes, in their order
   * @param volumes with {@code missing} for paths that are not given
   */
  static void check(
      List<ConfigSection> sections, List<VolumeConfig> volumes, Path missing, Path state) {
    FileUses files = new FileUses();
    files.uses.put(real(state.resolve("lock")), "the lock of the state directory");
    for (VolumeConfig volume : volumes) {
      if (volume.source() == SourceKind.DISK) {
        files.add(state.resolve(volume.name() + ".cbt"), "the change map", volume);
        if (volume.differenceStorage().path().isEmpty()) {
          files.add(state.resolve(volume.name() + ".diff"), "the difference storage", volume);
        }
      }
      files.add(state.resolve(volume.name() + ".intent"), "what is wanted", volume);
    }
    for (int i = 0; i < volumes.size(); i++) {
      VolumeConfig volume = volumes.get(i);
      boolean disk = volume.source() == SourceKind.DISK;
      if (!volume.path().equals(missing)) {
        String key = disk ? "path" : "device";
        files.claim(
            sections.get(i), key, volume.path(), use(disk ? "the image" : "the device", volume));
      }
      if (volume.differenceStorage().path().isPresent()) {
        files.claim(
            sections.get(i).section("differenceStorage"),
            "path",
            volume.differenceStorage().path().get(),
            disk ? use("the difference storage", volume) : STORAGE_OF_DEVICES);
      }
    }
  }

  private static String use(String what, VolumeConfig volume) {
    return what + " of volume '" + volume.name() + "'";
  }

  private void add(Path file, String what, VolumeConfig volume) {
    uses.put(real(file), use(what, volume));
  }

  private void claim(ConfigSection section, String key, Path file, String use) {
    String other = uses.putIfAbsent(real(file), use);
    if (other != null && !(use.equals(STORAGE_OF_DEVICES) && other.equals(use))) {
      section.fault(key, "'" + file + "' is " + other + " already; give another path");
    }
  }

  private static Path real(Path file) {
    try {
      return file.toRealPath();
    } catch (IOException e) {
      // Not there yet, so no link, but may lie under one.
      Path absolute = file.toAbsolutePath();
      Path parent = absolute.getParent();
      Path name = absolute.getFileName();
      return parent == null || name == null ? absolute : real(parent).resolve(name).normalize();
    }
  }
}
