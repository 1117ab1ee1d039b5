package io.blkcast.exporter.increment;

import io.blkcast.exporter.increment.VolumeHistory.Doubt;
import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.exporter.publish.VolumePublisher.Opened;
import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.Severity;
import io.blkcast.schema.VolumeEventType;
import io.vertx.core.Future;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a volume's increments build on: the source tracks the volume, its publisher is open, and the
 * parent of the next increment is what Kafka says was committed last. A failure may take either
 * away, a commit whose outcome is unknown takes the publisher; {@link #prepare} gets back what is
 * missing. Whether that is to be built on is for the {@link HistoryKeeper} to say. Belongs to the
 * loop.
 */
final class VolumeSession {

  private final Loop loop;
  private final String volume;
  private final ChangeSource source;
  private final VolumePublisher publisher;
  private final HistoryKeeper history;
  private final VolumeMonitor monitor;
  private final EventSender events;
  private boolean tracked;
  private boolean open;
  private boolean preparing;
  private boolean anyway;
  private Optional<Checkpoint> parent = Optional.empty();
  private @Nullable Doubt told;

  VolumeSession(
      Loop loop,
      String volume,
      ChangeSource source,
      VolumePublisher publisher,
      HistoryKeeper history,
      VolumeMonitor monitor,
      EventSender events) {
    this.loop = loop;
    this.volume = volume;
    this.source = source;
    this.publisher = publisher;
    this.history = history;
    this.monitor = monitor;
    this.events = events;
  }

  /** Whether an increment can be taken: the volume is tracked, and open. */
  boolean isUsable() {
    return tracked && open;
  }

  boolean isPreparing() {
    return preparing;
  }

  /** What was committed last; empty before the first, and before this was prepared. */
  Optional<Checkpoint> parent() {
    return parent;
  }

  /** Whether increments were published before, even if not by us. */
  boolean wasPublished() {
    return parent.isPresent() || history.doubt().isPresent();
  }

  /**
   * When the parent was committed; empty where that is not to be relied on, so that the next
   * increment is due.
   */
  Optional<Instant> committedAt() {
    return history.doubt().isPresent() ? Optional.empty() : parent.map(Checkpoint::getCommittedAt);
  }

  /** Has the volume taken over from whoever has it. */
  void takeOverAnyway() {
    anyway = true;
    open = false;
  }

  /** Gets what is missing, once; fails with what keeps it from that. */
  Future<Void> prepare() {
    preparing = true;
    Future<Void> tracking =
        tracked
            ? Future.succeededFuture()
            : loop.perform(Pool.SOURCE, () -> source.track(volume))
                .onSuccess(ignored -> tracked = true);
    return tracking
        .compose(ignored -> open ? Future.succeededFuture() : open())
        .onComplete(
            prepared -> {
              preparing = false;
              monitor.usable(tracked, open);
            });
  }

  private Future<Void> open() {
    boolean whoeverHasIt = anyway;
    return loop.blocking(
            Pool.PUBLISH,
            () -> {
              Opened opened = publisher.open(history.known(whoeverHasIt));
              history.opened(opened);
              return opened;
            })
        .map(
            opened -> {
              anyway = false;
              parent = opened.checkpoint();
              open = true;
              monitor.committed(parent);
              history.doubt().ifPresent(doubt -> tell(doubt, !doubt.equals(told)));
              return null;
            });
  }

  /** The doubt stays in the status until it is healed; the event is sent once. */
  private void tell(Doubt doubt, boolean first) {
    String message = doubt.reason() + "; the next increment is a BASELINE";
    monitor.failed("resync-needed", message);
    if (first) {
      told = doubt;
      events.send(VolumeEventType.RESYNC_NEEDED, Severity.ERROR, message);
    }
  }

  /** The increment after the parent is committed, and is the parent now. */
  void committed(Checkpoint checkpoint) {
    parent = Optional.of(checkpoint);
    monitor.committed(parent);
  }

  /** Whether the increment is committed is not known, and has to be before anything else. */
  void inDoubt() {
    open = false;
  }

  /** Something has failed: what it may have cost has to be prepared again. */
  void failed(FailureClassification verdict) {
    open &= !verdict.reopen();
    tracked &= !verdict.retrack();
    if (verdict.code().equals(FailureClassification.FOREIGN)) {
      told = history.doubt().orElse(null);
    }
    monitor.usable(tracked, open);
  }
}
