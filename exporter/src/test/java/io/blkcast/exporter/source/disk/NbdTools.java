package io.blkcast.exporter.source.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs programs that nobody here wrote. */
final class NbdTools {

  private static final Map<String, String> PACKAGES =
      Map.of(
          "nbdinfo", "libnbd-bin",
          "nbdcopy", "libnbd-bin",
          "nbdfuse", "libnbd-bin",
          "qemu-io", "qemu-utils",
          "qemu-img", "qemu-utils",
          "fio", "fio",
          "mkfs.ext4", "e2fsprogs",
          "e2fsck", "e2fsprogs");
  private static final long LIMIT_SECONDS = 120;

  private NbdTools() {}

  /** Runs to a good end and returns what was said. */
  static String run(String... command) throws IOException, InterruptedException {
    Path log = Files.createTempFile("client", ".log");
    try {
      Process process = start(log, command);
      if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException(String.join(" ", command) + " hangs: " + Files.readString(log));
      }
      String output = Files.readString(log, StandardCharsets.UTF_8);
      assertThat(process.exitValue()).as("%s: %s", String.join(" ", command), output).isZero();
      return output;
    } finally {
      Files.delete(log);
    }
  }

  static Process start(Path log, String... command) throws IOException {
    try {
      return new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(log.toFile())
          .start();
    } catch (IOException e) {
      throw new IOException(
          command[0] + " is missing; apt-get install " + PACKAGES.get(command[0]), e);
    }
  }
}
