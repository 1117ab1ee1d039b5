package io.blkcast.exporter;

import io.blkcast.config.FileReplacement;
import io.blkcast.config.OwnFiles;
import io.blkcast.exporter.increment.Intent;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;

/** Keeps the intent of one volume in a file, a word a line; without a file there is none. */
final class IntentFile implements Intent.Store {

  private static final String PAUSED = "paused";
  private static final String RESYNC = "resync";

  private final Path file;
  private volatile Intent current;

  private IntentFile(Path file, Intent current) {
    this.file = file;
    this.current = current;
  }

  /**
   * Reads the file, if there is one.
   *
   * @throws IOException when it cannot be read, or is none of ours
   */
  static IntentFile open(Path file) throws IOException {
    List<String> lines =
        Files.exists(file, LinkOption.NOFOLLOW_LINKS)
            ? new String(OwnFiles.read(file), StandardCharsets.UTF_8).lines().toList()
            : List.of();
    for (String line : lines) {
      if (!line.equals(PAUSED) && !line.equals(RESYNC)) {
        throw new IOException(
            file
                + " holds '"
                + line
                + "', not '"
                + PAUSED
                + "' or '"
                + RESYNC
                + "'; delete it, and pause the volume again if it was paused");
      }
    }
    return new IntentFile(file, new Intent(lines.contains(PAUSED), lines.contains(RESYNC)));
  }

  @Override
  public Intent current() {
    return current;
  }

  @Override
  public void save(Intent intent) throws IOException {
    String text = (intent.paused() ? PAUSED + "\n" : "") + (intent.resync() ? RESYNC + "\n" : "");
    if (text.isEmpty()) {
      FileReplacement.deleteDurably(file);
    } else {
      FileReplacement.replaceDurably(file, text.getBytes(StandardCharsets.US_ASCII));
    }
    current = intent;
  }
}
