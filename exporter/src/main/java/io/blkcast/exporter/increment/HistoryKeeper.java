package io.blkcast.exporter.increment;

import io.blkcast.exporter.increment.VolumeHistory.Doubt;
import io.blkcast.exporter.publish.Link;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.publish.VolumePublisher.Known;
import io.blkcast.exporter.publish.VolumePublisher.Opened;
import java.io.IOException;
import java.time.InstantSource;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides whether the next increment may build on the last one, and remembers the answer: what is
 * committed is noted before it is decided and after it is known, and a doubt stays until a BASELINE
 * is committed, over failed attempts and restarts.
 *
 * <p>What changes the history blocks and is for a pool; one call at a time, as the machine makes
 * them. Reading it is free for all threads.
 */
final class HistoryKeeper {

  private static final Logger LOG = LoggerFactory.getLogger(HistoryKeeper.class);

  private final String volume;
  private final InstantSource clock;
  private final VolumeHistory.Store store;

  /** Newer than what is stored where that could not be saved. */
  private volatile VolumeHistory current;

  HistoryKeeper(String volume, InstantSource clock, VolumeHistory.Store store) {
    this.volume = volume;
    this.clock = clock;
    this.store = store;
    this.current = store.current();
  }

  Optional<Doubt> doubt() {
    return current.doubt();
  }

  /** What a publisher has to know to open the volume. */
  Known known(boolean anyway) {
    return new Known(current.head(), current.pending(), current.read(), anyway);
  }

  /** The volume was opened: what is on Kafka has to be what was committed last, by us. */
  void opened(Opened found) throws IOException {
    VolumeHistory history = current;
    Optional<Link> ours =
        history
            .pending()
            .filter(link -> isOf(link, found))
            .or(() -> history.head().filter(link -> isOf(link, found)));
    VolumeHistory next;
    if (ours.isPresent()) {
      if (ours.equals(history.pending())) {
        LOG.info("{}: increment {} turned out to be committed", volume, ours.get().incrementId());
      }
      next =
          ours.equals(history.pending())
              ? history.committed(ours.get(), history.read())
              : new VolumeHistory(ours, Optional.empty(), history.read(), history.doubt());
    } else {
      // Opening settles every outcome: what is not found was not committed.
      VolumeHistory settled =
          new VolumeHistory(history.head(), Optional.empty(), history.read(), history.doubt());
      next = why(found, history).map(why -> settled.doubted(why, clock.instant())).orElse(settled);
    }
    if (found.foreign().isPresent()) {
      next = next.doubted(found.foreign().get(), clock.instant());
    }
    save(next);
  }

  private static boolean isOf(Link link, Opened found) {
    return found.digest().equals(Optional.of(link.checkpoint())) && found.problem().isEmpty();
  }

  private static Optional<String> why(Opened found, VolumeHistory history) {
    if (found.problem().isPresent()) {
      return found.problem();
    }
    if (found.checkpoint().isEmpty()) {
      return history
          .head()
          .map(
              head ->
                  "Kafka has no checkpoint of this volume any more; the last increment that was"
                      + " committed is "
                      + head.incrementId());
    }
    String id = String.valueOf(found.checkpoint().get().getIncrementId());
    return Optional.of(
        history
            .head()
            .map(
                head ->
                    "the checkpoint on Kafka, of increment "
                        + id
                        + ", is not the one that this exporter committed last, of "
                        + head.incrementId()
                        + ": it was written by another, or one of the two is older than it should"
                        + " be")
            .orElse(
                "Kafka has a checkpoint, of increment "
                    + id
                    + ", but the state directory has no record that this exporter committed it"));
  }

  /** An increment is about to be committed. */
  void committing(Link link) throws IOException {
    save(current.committing(link));
  }

  /** It is committed; where that cannot be saved, the one that is pending stands for it. */
  void committed(Committed committed) {
    try {
      save(current.committed(committed.link(), committed.read()));
    } catch (IOException e) {
      LOG.warn(
          "{}: cannot remember that {} is committed: {}",
          volume,
          committed.link().incrementId(),
          e.getMessage());
    }
  }

  /** What was published is not to be built on until a BASELINE is committed. */
  void doubt(String reason) throws IOException {
    save(current.doubted(reason, clock.instant()));
  }

  private void save(VolumeHistory next) throws IOException {
    current = next;
    if (!next.equals(store.current())) {
      store.save(next);
    }
  }
}
