package io.blkcast.exporter.doctor;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Whether LVM would take a snapshot's image for the physical volume that it is an image of: both
 * have the same label, and LVM refuses to work with duplicates, or works with the wrong one.
 */
final class LvmCheck {

  /** Physical volumes have their label in one of the first four sectors. */
  private static final int LABEL_SECTORS = 4;

  private static final int SECTOR = 512;
  private static final int TYPE_OFFSET = 24;

  /** What lvm.conf needs in its section {@code devices}. */
  static final String FILTER = "global_filter = [ \"r|^/dev/blksnap-image_.*|\" ]";

  private final Host host;

  LvmCheck(Host host) {
    this.host = host;
  }

  /** Looks at a volume's device; empty where LVM does not meet it. */
  Optional<Finding> of(String volume, Path device) {
    if (!host.hasCommand("lvm") || !isPhysicalVolume(device)) {
      return Optional.empty();
    }
    String check = "LVM on volume " + volume;
    if (leavesImagesOut()) {
      return Optional.of(Finding.ok(check, "images of snapshots are left out"));
    }
    return Optional.of(
        Finding.warning(
            check,
            device
                + " is a physical volume: while a snapshot of it is held, LVM finds its image, a"
                + " duplicate of it",
            "Put into the section devices of "
                + host.etc().resolve("lvm/lvm.conf")
                + ": "
                + FILTER));
  }

  private static boolean isPhysicalVolume(Path device) {
    try (InputStream in = Files.newInputStream(device)) {
      byte[] start = in.readNBytes(LABEL_SECTORS * SECTOR);
      for (int at = 0; at + SECTOR <= start.length; at += SECTOR) {
        String sector = new String(start, at, SECTOR, StandardCharsets.ISO_8859_1);
        if (sector.startsWith("LABELONE") && sector.startsWith("LVM2 001", TYPE_OFFSET)) {
          return true;
        }
      }
    } catch (IOException e) {
      // Whether the device can be read is told by others.
    }
    return false;
  }

  /** By a filter, or by a file with the only devices that LVM looks at. */
  private boolean leavesImagesOut() {
    Path lvm = host.etc().resolve("lvm");
    for (String name : List.of("lvm.conf", "lvmlocal.conf")) {
      boolean named =
          host.text(lvm.resolve(name))
              .orElse("")
              .lines()
              .map(String::strip)
              .anyMatch(line -> !line.startsWith("#") && line.contains("blksnap-image"));
      if (named) {
        return true;
      }
    }
    return Files.exists(lvm.resolve("devices/system.devices"));
  }
}
