package io.blkcast.exporter;

import io.blkcast.exporter.increment.VolumeHistory;
import io.blkcast.exporter.increment.VolumeHistory.Doubt;
import io.blkcast.exporter.publish.Link;
import io.blkcast.exporter.publish.Place;
import io.blkcast.file.FileReplacement;
import io.blkcast.file.OwnFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * Keeps the history of one volume in a file: a line with the version, one with the volume, one for
 * each part that there is, and one with the CRC32C of all before it.
 *
 * <p>A file that cannot be used never keeps an exporter from starting: what it held is in doubt.
 * Without a file the volume was never published from this state directory.
 */
final class HistoryFile implements VolumeHistory.Store {

  private static final String VERSION = "blkcast-history 1";

  private final Path file;
  private final String volume;
  private volatile VolumeHistory current;

  private HistoryFile(Path file, String volume, VolumeHistory current) {
    this.file = file;
    this.volume = volume;
    this.current = current;
  }

  /** Reads the file, if there is one. */
  static HistoryFile open(Path file, String volume, InstantSource clock) {
    return new HistoryFile(file, volume, read(file, volume, clock));
  }

  private static VolumeHistory read(Path file, String volume, InstantSource clock) {
    String why;
    try {
      return parse(new String(OwnFiles.read(file), StandardCharsets.US_ASCII), volume);
    } catch (NoSuchFileException e) {
      return VolumeHistory.NONE;
    } catch (IOException e) {
      why = "cannot be read (" + e + ")";
    } catch (IllegalArgumentException e) {
      why = "cannot be used: " + e.getMessage();
    }
    return new VolumeHistory(
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.of(
            new Doubt(
                "the record of what was committed last, " + file + ", " + why, clock.instant())));
  }

  @Override
  public VolumeHistory current() {
    return current;
  }

  @Override
  public void save(VolumeHistory history) throws IOException {
    FileReplacement.replaceDurably(
        file, format(history, volume).getBytes(StandardCharsets.US_ASCII));
    current = history;
  }

  private static String format(VolumeHistory history, String volume) {
    StringBuilder text = new StringBuilder();
    text.append(VERSION).append('\n').append("volume ").append(encode(volume)).append('\n');
    history.head().ifPresent(head -> text.append("head ").append(line(head)).append('\n'));
    history.pending().ifPresent(link -> text.append("pending ").append(line(link)).append('\n'));
    history.read().ifPresent(place -> text.append("read ").append(place).append('\n'));
    history
        .doubt()
        .ifPresent(
            doubt ->
                text.append("doubt ")
                    .append(doubt.since())
                    .append(' ')
                    .append(encode(doubt.reason()))
                    .append('\n'));
    return text + "crc32c " + sum(text.toString()) + "\n";
  }

  private static String line(Link link) {
    return link.incrementId()
        + " "
        + link.checkpoint()
        + " "
        + link.manifest()
        + (link.baseline() ? " baseline" : " delta");
  }

  private static VolumeHistory parse(String text, String volume) {
    if (!text.startsWith(VERSION + "\n")) {
      throw new IllegalArgumentException("it does not begin with '" + VERSION + "'");
    }
    int last = text.lastIndexOf("crc32c ");
    if (last < 0 || !text.substring(last).equals("crc32c " + sum(text.substring(0, last)) + "\n")) {
      throw new IllegalArgumentException("its checksum is wrong");
    }
    Map<String, String> parts = new HashMap<>();
    text.substring(VERSION.length() + 1, last)
        .lines()
        .map(line -> line.split(" ", 2))
        .forEach(
            pair -> {
              if (pair.length != 2 || parts.put(pair[0], pair[1]) != null) {
                throw new IllegalArgumentException("it has a line that does not belong there");
              }
            });
    if (!encode(volume).equals(parts.remove("volume"))) {
      throw new IllegalArgumentException("it is of another volume");
    }
    VolumeHistory history =
        new VolumeHistory(
            Optional.ofNullable(parts.remove("head")).map(HistoryFile::link),
            Optional.ofNullable(parts.remove("pending")).map(HistoryFile::link),
            Optional.ofNullable(parts.remove("read")).map(Place::parse),
            Optional.ofNullable(parts.remove("doubt")).map(HistoryFile::doubt));
    if (!parts.isEmpty()) {
      throw new IllegalArgumentException("it has parts that are not known: " + parts.keySet());
    }
    return history;
  }

  private static Link link(String line) {
    String[] words = words(line, 4);
    boolean baseline = words[3].equals("baseline");
    if (!baseline && !words[3].equals("delta")) {
      throw new IllegalArgumentException("neither baseline nor delta: " + words[3]);
    }
    return new Link(UUID.fromString(words[0]), words[1], words[2], baseline);
  }

  private static Doubt doubt(String line) {
    String[] words = words(line, 2);
    try {
      return new Doubt(
          new String(Base64.getUrlDecoder().decode(words[1]), StandardCharsets.UTF_8),
          Instant.parse(words[0]));
    } catch (java.time.DateTimeException e) {
      throw new IllegalArgumentException("not a time: " + words[0], e);
    }
  }

  private static String[] words(String line, int count) {
    String[] words = line.split(" ", -1);
    if (words.length != count) {
      throw new IllegalArgumentException("not " + count + " words: " + line);
    }
    return words;
  }

  /** Names and reasons may hold anything. */
  private static String encode(String text) {
    return Base64.getUrlEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String sum(String text) {
    CRC32C crc = new CRC32C();
    crc.update(text.getBytes(StandardCharsets.US_ASCII));
    return Long.toHexString(crc.getValue());
  }
}
