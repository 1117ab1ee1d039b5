package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.PublishException;
import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.schema.Checkpoint;
import io.vertx.core.Future;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a volume's increments build on: the source tracks the volume, its publisher is open, and the
 * parent of the next increment is what Kafka says was committed last. A failure may take either
 * away, a commit whose outcome is unknown takes the publisher; {@link #prepare} gets back what is
 * missing. What is found committed then has to be what was known here, or the commit in doubt: else
 * another exporter has the volume. Belongs to the loop.
 */
final class Attachment {

  private static final Logger LOG = LoggerFactory.getLogger(Attachment.class);

  private final Loop loop;
  private final String volume;
  private final ChangeSource source;
  private final VolumePublisher publisher;
  private final VolumeMonitor monitor;
  private boolean tracked;
  private boolean open;
  private boolean preparing;
  private boolean adopted;
  private Optional<Checkpoint> parent = Optional.empty();
  private @Nullable UUID uncertain;

  Attachment(
      Loop loop,
      String volume,
      ChangeSource source,
      VolumePublisher publisher,
      VolumeMonitor monitor) {
    this.loop = loop;
    this.volume = volume;
    this.source = source;
    this.publisher = publisher;
    this.monitor = monitor;
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

  /** Gets what is missing, once; fails with what keeps it from that. */
  Future<Void> prepare() {
    preparing = true;
    Future<Void> tracking =
        tracked
            ? Future.succeededFuture()
            : loop.perform(Pool.SOURCE, () -> source.track(volume))
                .onSuccess(ignored -> tracked = true);
    return tracking
        .compose(
            ignored ->
                open
                    ? Future.succeededFuture(parent)
                    : loop.blocking(Pool.PUBLISH, publisher::open))
        .compose(this::adopt)
        .onComplete(
            prepared -> {
              preparing = false;
              monitor.usable(tracked, open);
            });
  }

  /** Takes over what Kafka says was committed last, unless it was committed by another. */
  private Future<Void> adopt(Optional<Checkpoint> committed) {
    UUID known = parent.map(Checkpoint::getIncrementId).orElse(null);
    UUID found = committed.map(Checkpoint::getIncrementId).orElse(null);
    boolean ours = found == null ? known == null : found.equals(known) || found.equals(uncertain);
    if (adopted && !ours) {
      return Future.failedFuture(
          new PublishException(
              PublishException.Code.FENCED,
              "another exporter has committed increment " + found + " in the meantime"));
    }
    if (found != null && found.equals(uncertain)) {
      LOG.info("{}: increment {} turned out to be committed", volume, found);
    }
    adopted = true;
    uncertain = null;
    parent = committed;
    open = true;
    monitor.committed(committed);
    return Future.succeededFuture();
  }

  /** The increment after the parent is committed, and is the parent now. */
  void committed(Checkpoint checkpoint) {
    parent = Optional.of(checkpoint);
    monitor.committed(parent);
  }

  /** Whether the increment is committed is not known, and has to be before anything else. */
  void inDoubt(UUID incrementId) {
    uncertain = incrementId;
    open = false;
  }

  /** Something has failed: what it may have cost has to be prepared again. */
  void failed(Verdict verdict) {
    open &= !verdict.reopen();
    tracked &= !verdict.retrack();
    monitor.usable(tracked, open);
  }
}
