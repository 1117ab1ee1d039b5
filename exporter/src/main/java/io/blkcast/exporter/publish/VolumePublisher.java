package io.blkcast.exporter.publish;

import io.blkcast.kafka.BrokerException;
import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.Consistency;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.Source;
import io.blkcast.schema.VolumeEvent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.stream.Stream;

/**
 * Publishes the increments of one volume. Blocking calls are for a blocking pool. One call at a
 * time, though not always from the same thread. Chunks come in ascending order of offset but for a
 * bounded number {@linkplain Attempt#ahead ahead} of the others, so that their leaves can be
 * digested as they come and nothing grows with the increment.
 */
public interface VolumePublisher extends AutoCloseable {

  /**
   * Shuts out any earlier exporter of this volume (Kafka's transactional fencing) and reads where
   * it left off.
   *
   * <p>Also called again after a call failed: it then settles whether a commit whose outcome is
   * unknown took place, and tells so by what it returns. An exporter that was itself shut out in
   * the meantime gets {@code FENCED}, and shuts nobody out.
   */
  Opened open(Known known) throws BrokerException;

  /** Sends {@code IncrementStarted} and begins an attempt. One at a time. */
  Attempt begin(Header header) throws BrokerException;

  /** Publishes an event of the volume; completes when acknowledged. */
  CompletionStage<Void> event(VolumeEvent event);

  /** Ends an attempt under way as aborted if it can within bounds, and closes the producers. */
  @Override
  void close();

  /**
   * What the exporter itself remembers of a volume.
   *
   * @param head last increment that it committed
   * @param pending increment whose commit was decided, but whose outcome is not known
   * @param read how far the increments topic was read when the head was committed
   * @param anyway whether to take the volume over from another exporter that has taken it over from
   *     this one, as a person wants it
   */
  record Known(Optional<Link> head, Optional<Link> pending, Optional<Place> read, boolean anyway) {

    /** As of an exporter that has committed nothing yet. */
    public static final Known NOTHING =
        new Known(Optional.empty(), Optional.empty(), Optional.empty(), false);

    boolean isOurs(Optional<String> checkpoint) {
      return links()
          .map(Link::checkpoint)
          .anyMatch(digest -> checkpoint.equals(Optional.of(digest)));
    }

    boolean isOurManifest(String digest) {
      return links().map(Link::manifest).anyMatch(digest::equals);
    }

    private Stream<Link> links() {
      return Stream.concat(head.stream(), pending.stream());
    }
  }

  /**
   * What Kafka has of a volume that was opened.
   *
   * @param checkpoint of the last committed increment; empty where there is none that can be read
   * @param digest over the checkpoint's record, as of {@link Link}; empty where there is none
   * @param problem why the checkpoint cannot be read
   * @param foreign what others have written into the increments topic under the volume's key
   */
  record Opened(
      Optional<Checkpoint> checkpoint,
      Optional<String> digest,
      Optional<String> problem,
      Optional<String> foreign) {}

  /** Remembers what is about to be committed. */
  @FunctionalInterface
  interface Deciding {

    /**
     * Called when all is written and only the decision is left; whether it is committed is not
     * known from here on until the commit has returned, or the publisher was opened again.
     *
     * @throws IOException so that it is not committed
     */
    void committing(Link link) throws IOException;
  }

  /** What is known of an increment before its data is read. */
  record Header(
      UUID incrementId,
      IncrementKind kind,
      Optional<Checkpoint> parent,
      Optional<UUID> groupId,
      UUID snapshotId,
      Consistency consistency,
      long capacityBytes,
      int blockSize,
      long changedBytes,
      long extentCount,
      Instant snapshotTakenAt,
      Source source) {}

  /** One attempt at publishing one increment. */
  interface Attempt {

    /** Sends a batch of extents, ascending; completes when acknowledged. Call in order. */
    CompletionStage<Void> extents(List<BlockMetadata> batch);

    /**
     * Whether the chunks from now on come ahead of the others; as of {@code ContentDigest.ahead}.
     */
    void ahead(boolean ahead);

    /**
     * Checksums, encodes and sends one data chunk; the caller may reuse the buffer when the call
     * returns. Blocks while the producer's memory is full. A buffer that is all zero becomes a ZERO
     * chunk.
     *
     * @param offset bytes
     * @param plain position to limit: the content, at most the configured chunk size
     * @return completes when Kafka acknowledged it, with the bytes of payload sent (0 for ZERO)
     */
    CompletionStage<Integer> chunk(long offset, ByteBuffer plain);

    /** Sends a chunk known to be all zero. */
    CompletionStage<Integer> zero(long offset, long length);

    /**
     * Waits for all acknowledgements and commits: the manifest on both topics and the checkpoint,
     * in one transaction.
     *
     * @throws BrokerException {@code FENCED} when another exporter has taken over the volume;
     *     {@code FOREIGN} when someone has written under the volume's key since the last commit
     */
    Committed commit(Deciding deciding) throws BrokerException;

    /** Gives the increment up: sends {@code IncrementAborted}. Never throws. */
    void abort(String reason, String message);
  }

  /**
   * What {@link Attempt#commit} made.
   *
   * @param read how far the increments topic was read for records of others; empty where that is
   *     denied
   */
  record Committed(
      IncrementCommitted manifest, Checkpoint checkpoint, Link link, Optional<Place> read) {}
}
