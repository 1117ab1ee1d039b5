package io.blkcast.exporter.publish;

import java.util.Map;
import java.util.TreeMap;

/**
 * How far a topic has been read.
 *
 * @param topicId Kafka's own id of the topic: another one under the same name has another
 * @param next the offset to go on from, by partition
 */
public record Place(String topicId, Map<Integer, Long> next) {

  public Place {
    next = Map.copyOf(next);
  }

  /** The same in one line, partitions in order. */
  @Override
  public String toString() {
    StringBuilder line = new StringBuilder(topicId);
    new TreeMap<>(next)
        .forEach(
            (partition, offset) -> line.append(' ').append(partition).append(':').append(offset));
    return line.toString();
  }

  /**
   * Reads what {@link #toString} wrote.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Place parse(String line) {
    String[] words = line.split(" ", -1);
    Map<Integer, Long> next = new TreeMap<>();
    for (int i = 1; i < words.length; i++) {
      String[] pair = words[i].split(":", -1);
      if (pair.length != 2) {
        throw new IllegalArgumentException("not an offset of a partition: " + words[i]);
      }
      next.put(Integer.parseInt(pair[0]), Long.parseLong(pair[1]));
    }
    return new Place(words[0], next);
  }
}
