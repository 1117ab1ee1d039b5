package io.blkcast.exporter.doctor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a host shows what it is. Tests give made-up directories.
 *
 * @param proc procfs
 * @param sys sysfs
 * @param modules directory with a directory of modules for each kernel
 * @param etc configuration of the machine
 * @param path directories of commands, as in {@code PATH}
 */
public record Host(Path proc, Path sys, Path modules, Path etc, String path) {

  /** This machine. */
  public static Host local() {
    return new Host(
        Path.of("/proc"),
        Path.of("/sys"),
        Path.of("/lib/modules"),
        Path.of("/etc"),
        Optional.ofNullable(System.getenv("PATH")).orElse("/usr/bin:/bin"));
  }

  /** Text of a file without the white space around it; empty where there is none. */
  Optional<String> text(Path file) {
    try {
      return Optional.of(new String(Files.readAllBytes(file), StandardCharsets.UTF_8).strip());
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** Release of the running kernel, as {@code uname -r}. */
  String kernel() {
    return text(proc.resolve("sys/kernel/osrelease")).orElse("unknown");
  }

  /** Directory of the running kernel's modules. */
  Path kernelModules() {
    return modules.resolve(kernel());
  }

  boolean hasCommand(String name) {
    for (String directory : path.split(":")) {
      if (Files.isExecutable(Path.of(directory, name))) {
        return true;
      }
    }
    return false;
  }
}
