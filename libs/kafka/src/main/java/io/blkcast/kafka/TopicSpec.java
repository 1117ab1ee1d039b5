package io.blkcast.kafka;

import io.blkcast.codec.TopicNames;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * What a topic must be like.
 *
 * @param name topic
 * @param compacted keeps the newest record of each key, rather than all for a time
 * @param retention of a topic that is made here; not for a compacted one
 * @param minRetention below it consumers will hardly keep up; not for a compacted one
 * @param partitions of a topic that is made here
 * @param minPartitions fewer are refused
 * @param recordBytes largest record that it must take
 */
public record TopicSpec(
    String name,
    boolean compacted,
    Duration retention,
    Duration minRetention,
    int partitions,
    int minPartitions,
    int recordBytes) {

  /**
   * Room for the fields of a chunk beside its payload, the framing and Kafka's own batch header.
   */
  public static final int RECORD_OVERHEAD = 4096;

  private static final Duration CATALOGUE_RETENTION = Duration.ofDays(365);
  private static final Duration DATA_RETENTION = Duration.ofDays(7);
  private static final Duration MIN_DATA_RETENTION = Duration.ofHours(1);
  private static final Duration MIN_CATALOGUE_RETENTION = Duration.ofDays(1);

  /** Enough for a manifest with some ten thousand partitions, or a batch of extents. */
  private static final int SMALL_RECORD = 512 << 10;

  /** Kafka's own default for {@code max.message.bytes}. */
  private static final int DEFAULT_MAX_MESSAGE = 1_048_588;

  private static final Duration CHECKPOINT_SEGMENT = Duration.ofDays(1);

  /**
   * The topics of an exporter.
   *
   * @param partitions of chunks and extents
   * @param stripes most that any volume is spread over
   * @param chunkBytes most plain bytes of any volume's chunks
   */
  public static List<TopicSpec> of(TopicNames names, int partitions, int stripes, int chunkBytes) {
    int bulk = Math.max(partitions, stripes);
    int chunk = chunkBytes + RECORD_OVERHEAD;
    List<TopicSpec> specs = new ArrayList<>();
    specs.add(kept(names.increments(), CATALOGUE_RETENTION, MIN_CATALOGUE_RETENTION, 1, 1, 0));
    specs.add(kept(names.extents(), DATA_RETENTION, MIN_DATA_RETENTION, bulk, 1, 0));
    specs.add(kept(names.chunks(), DATA_RETENTION, MIN_DATA_RETENTION, bulk, stripes, chunk));
    specs.add(kept(names.events(), DATA_RETENTION, Duration.ZERO, 1, 1, 0));
    specs.add(kept(names.signals(), DATA_RETENTION, Duration.ZERO, 1, 1, 0));
    specs.add(
        new TopicSpec(names.checkpoints(), true, Duration.ZERO, Duration.ZERO, 1, 1, SMALL_RECORD));
    return List.copyOf(specs);
  }

  private static TopicSpec kept(
      String name,
      Duration retention,
      Duration minRetention,
      int partitions,
      int minPartitions,
      int recordBytes) {
    return new TopicSpec(
        name,
        false,
        retention,
        minRetention,
        partitions,
        minPartitions,
        Math.max(recordBytes, SMALL_RECORD));
  }

  /** The topic as it is made; what is not named here is left to the brokers. */
  public NewTopic newTopic(short replicationFactor) {
    Map<String, String> configs = new HashMap<>();
    configs.put("cleanup.policy", compacted ? "compact" : "delete");
    if (compacted) {
      // The segment written to is not compacted: without an end it would be scanned whole.
      configs.put("segment.ms", Long.toString(CHECKPOINT_SEGMENT.toMillis()));
    } else {
      configs.put("retention.ms", Long.toString(retention.toMillis()));
    }
    if (recordBytes > DEFAULT_MAX_MESSAGE) {
      configs.put("max.message.bytes", Integer.toString(recordBytes));
    }
    return new NewTopic(name, partitions, replicationFactor).configs(configs);
  }
}
