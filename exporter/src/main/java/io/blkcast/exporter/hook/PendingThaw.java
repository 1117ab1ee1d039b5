package io.blkcast.exporter.hook;

import io.blkcast.file.FileReplacement;
import io.blkcast.file.OwnFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * An {@code after} command that still has to run, as it is kept in a file.
 *
 * @param boot of the machine: after another boot nothing is frozen any more
 */
record PendingThaw(String boot, Duration timeout, String after) {

  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

  static PendingThaw of(HookSettings settings) throws IOException {
    return new PendingThaw(thisBoot(), settings.timeout(), settings.after());
  }

  private static String thisBoot() throws IOException {
    return Files.readString(BOOT_ID).strip();
  }

  boolean ofThisBoot() throws IOException {
    return boot.equals(thisBoot());
  }

  /** Replaces the file as a whole; nothing is frozen yet, so this may take its time. */
  void write(Path file) throws IOException {
    String text = boot + "\n" + timeout.toMillis() + "\n" + after + "\n";
    FileReplacement.replaceDurably(file, text.getBytes(StandardCharsets.UTF_8));
  }

  static PendingThaw read(Path file) throws IOException {
    String[] lines = new String(OwnFiles.read(file), StandardCharsets.UTF_8).split("\n", 3);
    if (lines.length < 3 || !lines[1].matches("\\d{1,18}")) {
      throw new IOException("is damaged");
    }
    return new PendingThaw(lines[0], Duration.ofMillis(Long.parseLong(lines[1])), lines[2].strip());
  }
}
