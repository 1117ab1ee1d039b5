package io.blkcast.replicator;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Tells one file or block device from another, whatever they hold.
 *
 * @param lasting what survives a restart of the machine: a file's inode and time of birth, a
 *     device's hardware or mapping identifier; empty where a device has none
 * @param passing what identifies it until the machine is started again
 */
record TargetIdentity(String lasting, String passing) {

  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
  private static final Path DEVICES = Path.of("/sys/dev/block");

  /**
   * Files below a disk in sysfs that identify it for good; the first that says something counts.
   */
  private static final String[] LASTING = {
    "dm/uuid", "md/uuid", "wwid", "device/wwid", "serial", "device/serial"
  };

  static TargetIdentity of(FileStat stat, boolean device) throws IOException {
    if (device) {
      return ofDevice(stat.special());
    }
    // Numbers of devices may change when a machine starts, so they count only where nothing better
    // is there.
    String file =
        stat.born().isEmpty()
            ? "device %s inode %s".formatted(stat.device(), stat.inode())
            : "inode %s born %s".formatted(stat.inode(), stat.born());
    return new TargetIdentity(file, "");
  }

  private static TargetIdentity ofDevice(String number) throws IOException {
    Path device = DEVICES.resolve(number);
    Path disk = device;
    String part = "";
    if (Files.exists(device.resolve("partition"))) {
      disk = device.toRealPath().resolve("..").normalize();
      part =
          " partition "
              + read(device.resolve("partition"))
              + " at "
              + read(device.resolve("start"));
    }
    String lasting = lasting(disk);
    return new TargetIdentity(
        lasting.isEmpty() ? "" : lasting + part,
        "boot %s diskseq %s device %s"
            .formatted(read(BOOT_ID), read(disk.resolve("diskseq")), number));
  }

  private static String lasting(Path disk) throws IOException {
    String backing = read(disk.resolve("loop/backing_file"));
    if (!backing.isEmpty()) {
      return Files.exists(Path.of(backing))
          ? "loop over " + of(FileStat.of(Path.of(backing)), false).lasting()
          : "";
    }
    for (String name : LASTING) {
      String value = read(disk.resolve(name));
      if (!value.isEmpty()) {
        return name + " " + value;
      }
    }
    return "";
  }

  private static String read(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      return "";
    }
  }

  /** Whether both are surely the same file or device. */
  boolean isSame(TargetIdentity other) {
    if (!lasting.isEmpty() && !other.lasting.isEmpty()) {
      return lasting.equals(other.lasting);
    }
    return !passing.isEmpty() && passing.equals(other.passing);
  }
}
