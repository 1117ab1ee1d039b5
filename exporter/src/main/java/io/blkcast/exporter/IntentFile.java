package io.blkcast.exporter;

import io.blkcast.exporter.increment.Intent;
import io.blkcast.file.FileReplacement;
import io.blkcast.file.OwnFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the intent of one volume in a file, a word a line; without a file there is none. */
final class IntentFile implements Intent.Store {

  private static final Logger LOG = LoggerFactory.getLogger(IntentFile.class);

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

  /**
   * As {@link #open}; where that fails, the volume is published whole, as may have been asked for.
   */
  static IntentFile openOrAssume(Path file) {
    try {
      return open(file);
    } catch (IOException e) {
      LOG.error(
          "{}. The volume is not paused, and its next increment is a BASELINE", e.getMessage());
      return new IntentFile(file, new Intent(false, true));
    }
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
