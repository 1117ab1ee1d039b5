package io.blkcast.codec;

import io.blkcast.schema.ChangedExtents;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementStarted;
import io.blkcast.schema.Signal;
import io.blkcast.schema.VolumeEvent;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.avro.Schema;

/**
 * The names of the topics, which share a prefix.
 *
 * @param prefix starts every name, {@value #DEFAULT_PREFIX} unless configured; may be empty
 */
public record TopicNames(String prefix) {

  /** What the names start with unless configured. */
  public static final String DEFAULT_PREFIX = "blkcast.";

  /** Kafka's limit for the length of a topic's name. */
  private static final int MAX_NAME = 249;

  private static final int LONGEST_SUFFIX = "checkpoints".length();
  private static final Pattern LEGAL = Pattern.compile("[a-zA-Z0-9._-]*");

  public TopicNames {
    if (!LEGAL.matcher(prefix).matches() || prefix.length() > MAX_NAME - LONGEST_SUFFIX) {
      throw new IllegalArgumentException(
          "topic prefix '"
              + prefix
              + "': use at most "
              + (MAX_NAME - LONGEST_SUFFIX)
              + " of the characters a-z A-Z 0-9 . _ -");
    }
  }

  /** The names with the default prefix. */
  public static TopicNames defaults() {
    return new TopicNames(DEFAULT_PREFIX);
  }

  /** {@code IncrementCommitted}, {@code IncrementAborted}: the catalogue. */
  public String increments() {
    return prefix + "increments";
  }

  /** {@code ChangedExtents}. */
  public String extents() {
    return prefix + "extents";
  }

  /** {@code IncrementStarted}, {@code DataChunk}, then how the increment ended. */
  public String chunks() {
    return prefix + "chunks";
  }

  /** {@code VolumeEvent}. */
  public String events() {
    return prefix + "events";
  }

  /** {@code Checkpoint}, compacted. */
  public String checkpoints() {
    return prefix + "checkpoints";
  }

  /** {@code Signal}. */
  public String signals() {
    return prefix + "signals";
  }

  public List<String> all() {
    return List.of(increments(), extents(), chunks(), events(), checkpoints(), signals());
  }

  /** What each topic carries: by name of the topic, the schemas of its records. */
  public Map<String, List<Schema>> records() {
    Schema committed = IncrementCommitted.getClassSchema();
    Schema aborted = IncrementAborted.getClassSchema();
    Map<String, List<Schema>> records = new LinkedHashMap<>();
    records.put(increments(), List.of(committed, aborted));
    records.put(extents(), List.of(ChangedExtents.getClassSchema()));
    records.put(
        chunks(),
        List.of(IncrementStarted.getClassSchema(), DataChunk.getClassSchema(), committed, aborted));
    records.put(events(), List.of(VolumeEvent.getClassSchema()));
    records.put(checkpoints(), List.of(Checkpoint.getClassSchema()));
    records.put(signals(), List.of(Signal.getClassSchema()));
    return records;
  }
}
