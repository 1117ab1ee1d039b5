package io.blkcast.client;

import static io.blkcast.client.IncrementException.Code.MISSING;

import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.PartitionRange;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Reads the chunks of committed increments: exactly the offset ranges that a manifest names, of all
 * its partitions at once, leaving out records that are not the increment's.
 *
 * <p>Reads uncommitted on purpose. The manifest is committed, so its chunks count; an open
 * transaction of another volume must not hold them back. Used by one thread at a time; a partition
 * that runs ahead of the others is paused, and what is fetched ahead is bounded by the consumer's
 * settings.
 */
final class RangeReader {

  private static final Duration POLL = Duration.ofMillis(500);

  /** Without a record for so many polls, the end of the log is looked at. */
  private static final int IDLE_POLLS = 6;

  /** A partition so many chunks ahead of the slowest waits. */
  private static final long AHEAD = Sequence.WINDOW / 2;

  private final Consumer<byte[], ByteBuffer> consumer;
  private final String topic;
  private final RecordCodec codec;
  private final Path scratch;
  private final Topics topics;

  /** Takes a chunk that was checked. */
  interface Handler {
    /**
     * @param content plain content, valid during the call; null when all zero
     */
    void chunk(DataChunk chunk, @Nullable ByteBuffer content) throws IncrementException;
  }

  /**
   * @param scratch directory for temporary files
   */
  RangeReader(
      Consumer<byte[], ByteBuffer> consumer,
      String topic,
      RecordCodec codec,
      Path scratch,
      Topics topics) {
    this.topics = topics;
    this.scratch = scratch;
    this.consumer = consumer;
    this.topic = topic;
    this.codec = codec;
  }

  /**
   * Reads all chunks of the increment, checks each before it is handed on, and the whole at the
   * end.
   *
   * @throws IncrementException {@code MISSING} where a range is not there any more; {@code CORRUPT}
   *     as of {@link IncrementCheck}
   * @throws io.blkcast.codec.CodecException where the schema registry fails
   * @throws org.apache.kafka.common.errors.UnknownTopicOrPartitionException where the topic is gone
   * @throws org.apache.kafka.common.errors.WakeupException when the consumer was woken up
   */
  void read(IncrementCommitted manifest, Handler handler) throws IncrementException {
    try (IncrementCheck check = new IncrementCheck(manifest, scratch)) {
      Pass pass = new Pass(manifest, check, handler);
      pass.run();
      pass.finish();
    }
  }

  private final class Pass {
    private final IncrementCommitted manifest;
    private final IncrementCheck check;
    private final Handler handler;
    private final byte[] key;
    private final Map<TopicPartition, PartitionRange> open = new HashMap<>();
    private final Map<TopicPartition, Long> ahead = new HashMap<>();
    private long found;
    private long unread;
    private String firstUnread = "";

    Pass(IncrementCommitted manifest, IncrementCheck check, Handler handler) {
      this.manifest = manifest;
      this.check = check;
      this.handler = handler;
      this.key = manifest.getVolume().getBytes(StandardCharsets.UTF_8);
    }

    void run() throws IncrementException {
      for (PartitionRange range : manifest.getChunkRanges()) {
        open.put(new TopicPartition(topic, range.getPartition()), range);
      }
      if (open.isEmpty()) {
        return;
      }
      consumer.assign(open.keySet());
      // Those that the pass before has read to its end are still paused.
      consumer.resume(open.keySet());
      checkRetained();
      open.forEach((partition, range) -> consumer.seek(partition, range.getFirstOffset()));
      int idle = 0;
      while (!open.isEmpty()) {
        if (poll()) {
          idle = 0;
        } else if (++idle >= IDLE_POLLS) {
          checkRetained();
          idle = 0;
        }
      }
    }

    private boolean poll() throws IncrementException {
      ConsumerRecords<byte[], ByteBuffer> records;
      try {
        records = consumer.poll(POLL);
      } catch (OffsetOutOfRangeException e) {
        throw missing(e.partitions().iterator().next().partition(), "deleted");
      }
      for (TopicPartition partition : records.partitions()) {
        take(partition, records.records(partition));
      }
      boolean moved = closeRead() || !records.isEmpty();
      balance();
      return moved;
    }

    private void take(TopicPartition partition, List<ConsumerRecord<byte[], ByteBuffer>> records)
        throws IncrementException {
      PartitionRange range = open.get(partition);
      if (range == null) {
        return;
      }
      for (ConsumerRecord<byte[], ByteBuffer> record : records) {
        if (record.offset() >= range.getEndOffset()) {
          return;
        }
        // What others wrote in between need not be understood.
        if (Arrays.equals(record.key(), key)) {
          take(partition, record);
        }
      }
    }

    private void take(TopicPartition partition, ConsumerRecord<byte[], ByteBuffer> record)
        throws IncrementException {
      RecordReader.Decoded decoded = RecordReader.decode(codec, record.value());
      if (decoded instanceof RecordReader.Decoded.Unread what) {
        if (unread++ == 0) {
          firstUnread = "%s at offset %d: %s".formatted(partition, record.offset(), what.why());
        }
      } else if (decoded instanceof RecordReader.Decoded.Read read
          && read.record() instanceof DataChunk chunk
          && chunk.getIncrementId().equals(manifest.getIncrementId())) {
        found++;
        handler.chunk(chunk, check.accept(chunk));
        ahead.put(partition, chunk.getSequence());
      }
    }

    /** All was read: tells what is missing, and whether it may be what could not be read. */
    void finish() throws IncrementException {
      try {
        check.finish();
      } catch (IncrementException e) {
        if (e.code() == IncrementException.Code.CORRUPT && unread > 0) {
          throw new IncrementException(
              e.code(),
              "%s. Records of the volume that cannot be read lie in between: %d, the first in %s"
                  .formatted(e.getMessage(), unread, firstUnread),
              e);
        }
        if (e.code() == IncrementException.Code.CORRUPT
            && found == 0
            && !manifest.getChunkRanges().isEmpty()) {
          throw missing(
              manifest.getChunkRanges().get(0).getPartition(),
              "not where its manifest says: others are there, as in a topic that was made anew");
        }
        throw e;
      }
    }

    /** Leaves partitions read to the end; by position, as the last offsets may hold no record. */
    private boolean closeRead() {
      Set<TopicPartition> done = new HashSet<>();
      open.forEach(
          (partition, range) -> {
            if (consumer.position(partition) >= range.getEndOffset()) {
              done.add(partition);
            }
          });
      if (done.isEmpty()) {
        return false;
      }
      open.keySet().removeAll(done);
      consumer.pause(done);
      return true;
    }

    private void balance() {
      if (open.size() < 2) {
        consumer.resume(open.keySet());
        return;
      }
      long slowest =
          open.keySet().stream().mapToLong(p -> ahead.getOrDefault(p, 0L)).min().orElse(0);
      Set<TopicPartition> fast = new HashSet<>(open.keySet());
      fast.removeIf(p -> ahead.getOrDefault(p, 0L) - slowest < AHEAD);
      Set<TopicPartition> others = new HashSet<>(open.keySet());
      others.removeAll(fast);
      consumer.pause(fast);
      consumer.resume(others);
    }

    private void checkRetained() throws IncrementException {
      Map<TopicPartition, Long> begin;
      Map<TopicPartition, Long> end;
      try {
        begin = topics.beginnings(consumer, topic, open.keySet());
        end = topics.ends(consumer, topic, open.keySet());
      } catch (Topics.NoPartitionException e) {
        throw new IncrementException(
            MISSING,
            "chunks of increment %s of %s are gone: %s"
                .formatted(manifest.getIncrementId(), manifest.getVolume(), e.getMessage()),
            e);
      }
      for (Map.Entry<TopicPartition, PartitionRange> entry : open.entrySet()) {
        PartitionRange range = entry.getValue();
        if (end.getOrDefault(entry.getKey(), 0L) < range.getEndOffset()) {
          throw missing(range.getPartition(), "not there: the log ends before them");
        }
        long need = range.getFirstOffset();
        if (begin.getOrDefault(entry.getKey(), 0L) > need && !readBeyond(entry.getKey(), need)) {
          throw missing(range.getPartition(), "deleted");
        }
      }
    }

    /** Whether reading has passed the offset, so that its deletion does not matter any more. */
    private boolean readBeyond(TopicPartition partition, long offset) {
      return ahead.containsKey(partition) && consumer.position(partition) > offset;
    }

    private IncrementException missing(int partition, String how) {
      return new IncrementException(
          MISSING,
          "chunks of increment %s of %s in %s-%d are %s"
              .formatted(manifest.getIncrementId(), manifest.getVolume(), topic, partition, how));
    }
  }
}
