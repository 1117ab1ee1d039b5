package io.blkcast.exporter.hook;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;

/**
 * An {@code after} command that still has to run, as it is kept in a file.
 *
 * @param boot of the machine: after another boot nothing is frozen any more
 */
record Pending(String boot, Duration timeout, String after) {

  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

  static Pending of(HookSettings settings) throws IOException {
    return new Pending(thisBoot(), settings.timeout(), settings.after());
  }

  private static String thisBoot() throws IOException {
    return Files.readString(BOOT_ID).strip();
  }

  boolean ofThisBoot() throws IOException {
    return boot.equals(thisBoot());
  }

  /** Replaces the file as a whole. */
  void write(Path file) throws IOException {
    Path next = file.resolveSibling(file.getFileName() + ".new");
    Files.write(next, List.of(boot, Long.toString(timeout.toMillis()), after));
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  static Pending read(Path file) throws IOException {
    String[] lines = Files.readString(file).split("\n", 3);
    if (lines.length < 3) {
      throw new IOException("is cut off");
    }
    return new Pending(lines[0], Duration.ofMillis(Long.parseLong(lines[1])), lines[2].strip());
  }
}
