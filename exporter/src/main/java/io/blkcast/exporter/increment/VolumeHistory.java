package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.Link;
import io.blkcast.exporter.publish.Place;
import java.io.IOException;
import java.time.Instant;
import java.util.Optional;

/**
 * What an exporter itself remembers of a volume's increments, so that what it finds on Kafka can be
 * told from what others have put there, or what an older backup has brought back.
 *
 * @param head last increment that it committed
 * @param pending increment whose commit was decided, until its outcome is known
 * @param read how far the increments topic was read when the head was committed
 * @param doubt why the next increment must be a BASELINE; empty while the history is valid
 */
public record VolumeHistory(
    Optional<Link> head, Optional<Link> pending, Optional<Place> read, Optional<Doubt> doubt) {

  /** Of a volume that was never published. */
  public static final VolumeHistory NONE =
      new VolumeHistory(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

  /** Why what was published is not to be built on, and since when. */
  public record Doubt(String reason, Instant since) {}

  /** Where the history of one volume is kept. */
  public interface Store {

    /** As it was saved last; in doubt where what was saved cannot be read. */
    VolumeHistory current();

    /**
     * Keeps it for good. Blocks.
     *
     * @throws IOException naming the file
     */
    void save(VolumeHistory history) throws IOException;
  }

  VolumeHistory committing(Link link) {
    return new VolumeHistory(head, Optional.of(link), read, doubt);
  }

  /** A BASELINE heals: it stands on nothing that is in doubt. */
  VolumeHistory committed(Link link, Optional<Place> upTo) {
    return new VolumeHistory(
        Optional.of(link), Optional.empty(), upTo, link.baseline() ? Optional.empty() : doubt);
  }

  /** The first reason stays: it says best what happened. */
  VolumeHistory doubted(String reason, Instant now) {
    return new VolumeHistory(
        head, pending, read, doubt.or(() -> Optional.of(new Doubt(reason, now))));
  }
}
