package io.blkcast.exporter.publish;

import io.blkcast.file.FileReplacement;
import io.blkcast.file.OwnFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Up to where signals were obeyed, kept in a file so that one that is sent while the exporter is
 * down is obeyed at its next start, and none twice. A line for each partition: topic, partition,
 * next offset. Belongs to the listener's thread.
 */
final class SignalPositions {

  private static final Logger LOG = LoggerFactory.getLogger(SignalPositions.class);

  private final Path file;
  private final Map<String, Long> next = new TreeMap<>();
  private boolean told;

  private SignalPositions(Path file) {
    this.file = file;
  }

  /** Reads the file; what it does not hold, or not in our form, is not known. */
  static SignalPositions read(Path file) {
    SignalPositions positions = new SignalPositions(file);
    try {
      if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
        String text = new String(OwnFiles.read(file), StandardCharsets.UTF_8);
        for (String line : text.lines().toList()) {
          String[] words = line.split(" ", -1);
          positions.next.put(words[0] + " " + Integer.parseInt(words[1]), Long.parseLong(words[2]));
        }
      }
    } catch (IOException | RuntimeException e) {
      LOG.warn(
          "{} cannot be read ({}): signals sent while the exporter was down are not obeyed",
          file,
          e.toString());
      positions.next.clear();
    }
    return positions;
  }

  private static String key(TopicPartition partition) {
    return partition.topic() + " " + partition.partition();
  }

  /** The offset to go on from; negative where it is not known. */
  long get(TopicPartition partition) {
    return next.getOrDefault(key(partition), -1L);
  }

  /** Remembers until {@link #save}. */
  void set(TopicPartition partition, long offset) {
    next.put(key(partition), offset);
  }

  /** Keeps them over a restart, if that can be done. */
  void save() {
    StringBuilder text = new StringBuilder();
    next.forEach(
        (partition, offset) -> text.append(partition).append(' ').append(offset).append('\n'));
    try {
      FileReplacement.replaceDurably(file, text.toString().getBytes(StandardCharsets.US_ASCII));
      told = false;
    } catch (IOException e) {
      if (!told) {
        told = true;
        LOG.error(
            "{} cannot be written: signals may be obeyed again after a restart: {}",
            file,
            e.toString());
      }
    }
  }
}
