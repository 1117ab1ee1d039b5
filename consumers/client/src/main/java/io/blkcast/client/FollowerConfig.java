package io.blkcast.client;

import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.TopicNames;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;

/**
 * What a {@link Follower} follows, and how.
 *
 * @param volume configured name of the volume
 * @param topics names of the topics
 * @param codec decodes the records
 * @param kafka client settings, passed through; {@code bootstrap.servers} at least
 * @param consumerOverrides over those, for consumers
 * @param producerOverrides over those, for the producer of signals
 * @param from where a sink that has applied nothing begins
 * @param bufferBytes an increment with no more plain bytes of data than this, in no more than
 *     65,536 chunks, is held in memory between proof and application; a larger one is read twice
 * @param resyncRepeat time between two requests for the same resync
 * @param requestedBy who asks for a resync, for the exporter's log
 * @param scratch directory for temporary files, on disk: 48 bytes a chunk of an increment that has
 *     more than 65,536, which is 192 MiB for 1 TiB of 256 KiB chunks; made if missing
 */
public record FollowerConfig(
    String volume,
    TopicNames topics,
    RecordCodec codec,
    Map<String, Object> kafka,
    Map<String, Object> consumerOverrides,
    Map<String, Object> producerOverrides,
    From from,
    long bufferBytes,
    Duration resyncRepeat,
    String requestedBy,
    Path scratch) {

  /** 32 MiB. */
  public static final long DEFAULT_BUFFER_BYTES = 32L << 20;

  /** Where a sink that has applied nothing begins. */
  public enum From {
    /** The last BASELINE in the catalogue. */
    LATEST_BASELINE,
    /** The first BASELINE in the catalogue: all retained history is applied. */
    EARLIEST_BASELINE
  }

  /** Defaults for all but the volume and Kafka's settings; temporary files go where Java's go. */
  public static FollowerConfig of(String volume, Map<String, Object> kafka) {
    return new FollowerConfig(
        volume,
        TopicNames.defaults(),
        RecordCodec.singleObject(),
        kafka,
        Map.of(),
        Map.of(),
        From.LATEST_BASELINE,
        DEFAULT_BUFFER_BYTES,
        Duration.ofMinutes(1),
        "follower",
        Path.of(System.getProperty("java.io.tmpdir")));
  }

  /** For the catalogue: what is committed, and nothing else. */
  Map<String, Object> catalogueSettings() {
    Map<String, Object> settings = consumerSettings("read_committed");
    // Partitions that are added may hold what is committed from now on.
    settings.putIfAbsent(ConsumerConfig.METADATA_MAX_AGE_CONFIG, 10_000);
    // The first fetch after a start waits for the one that is still out at the end of the log.
    settings.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 200);
    return settings;
  }

  /** For chunks, which a committed manifest vouches for. */
  Map<String, Object> chunkSettings() {
    Map<String, Object> settings = consumerSettings("read_uncommitted");
    // A fetch that waits at the end of a log holds up the first one of the next increment.
    settings.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 20);
    return settings;
  }

  private Map<String, Object> consumerSettings(String isolationLevel) {
    Map<String, Object> settings = new HashMap<>();
    // What is fetched ahead is bounded, so that memory is.
    settings.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 16 << 20);
    settings.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 << 20);
    settings.put(ConsumerConfig.RECEIVE_BUFFER_CONFIG, 1 << 20);
    settings.putAll(kafka);
    settings.putAll(consumerOverrides);
    settings.remove(ConsumerConfig.GROUP_ID_CONFIG);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, isolationLevel);
    return settings;
  }

  Map<String, Object> producerSettings() {
    Map<String, Object> settings = new HashMap<>(kafka);
    settings.putAll(producerOverrides);
    return settings;
  }
}
