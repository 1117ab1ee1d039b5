package io.blkcast.exporter.increment;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Keeps the intent of one volume in a file, a word a line; without a file there is none. */
public final class IntentFile implements Intent.Store {

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
  public static IntentFile open(Path file) throws IOException {
    List<String> lines = Files.exists(file) ? Files.readAllLines(file) : List.of();
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
    if (intent.equals(Intent.NONE)) {
      Files.deleteIfExists(file);
    } else {
      String text = (intent.paused() ? PAUSED + "\n" : "") + (intent.resync() ? RESYNC + "\n" : "");
      Path fresh = file.resolveSibling(file.getFileName() + ".new");
      try (FileChannel channel =
          FileChannel.open(
              fresh,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)));
        channel.force(true);
      }
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }
    // The new name, or its absence, has to outlive a power cut too.
    try (FileChannel directory = FileChannel.open(file.toAbsolutePath().getParent())) {
      directory.force(true);
    }
    current = intent;
  }
}
