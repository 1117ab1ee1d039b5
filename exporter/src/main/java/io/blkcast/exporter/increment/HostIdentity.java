package io.blkcast.exporter.increment;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The machine, as records name it.
 *
 * @param name host name
 * @param bootId changes at every boot; empty where the system has none
 */
public record HostIdentity(String name, String bootId) {

  /** Where Linux tells its boot id; see random(4). */
  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

  /** This machine. Blocks. */
  public static HostIdentity local() {
    String name;
    try {
      name = InetAddress.getLocalHost().getHostName();
    } catch (IOException e) {
      name = "unknown";
    }
    try {
      return new HostIdentity(name, Files.readString(BOOT_ID).strip());
    } catch (IOException e) {
      return new HostIdentity(name, "");
    }
  }
}
