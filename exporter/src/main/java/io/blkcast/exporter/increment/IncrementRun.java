package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.publish.VolumePublisher.Header;
import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.kafka.BrokerException;
import io.blkcast.schema.Checkpoint;
import io.vertx.core.Future;
import java.io.IOException;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One attempt at one increment, from an image to a commit: states {@code MAPPING}, {@code
 * EXPORTING}, {@code COMMITTING}. Belongs to the loop.
 */
final class IncrementRun {

  /** Chunks acknowledged for each call that releases them: a call costs some microseconds. */
  private static final int RELEASE_CHUNKS = 4;

  /** Follows the run; called on the loop. */
  interface Observer {
    void entered(IncrementState state);

    /** The run is known to Kafka under that id from now on. */
    void planned(UUID incrementId, IncrementPlan plan);

    void acknowledged(long bytes, int payload);

    /** How the difference storage stands. */
    void storage(BackpressurePolicy.Decision decision);
  }

  private final Loop loop;
  private final IncrementSettings settings;
  private final ExporterContext shared;
  private final VolumePublisher publisher;
  private final HistoryKeeper history;
  private final GroupSnapshot.Share share;
  private final Image image;
  private final Observer observer;
  private final UUID incrementId;
  private final Releaser releaser;
  private @Nullable Attempt attempt;
  private @Nullable Pipeline pipeline;
  private @Nullable BackpressureController watch;
  private @Nullable Throwable cancelled;

  IncrementRun(
      Loop loop,
      IncrementSettings settings,
      ExporterContext shared,
      VolumePublisher publisher,
      HistoryKeeper history,
      GroupSnapshot.Share share,
      Observer observer) {
    this.loop = loop;
    this.settings = settings;
    this.shared = shared;
    this.publisher = publisher;
    this.history = history;
    this.share = share;
    this.image = share.image();
    this.observer = observer;
    this.incrementId = shared.ids().next();
    this.releaser =
        new Releaser(loop, image, RELEASE_CHUNKS * (long) settings.chunkBytes(), this::pump);
  }

  UUID incrementId() {
    return incrementId;
  }

  /**
   * Runs it.
   *
   * @return when it completes, nothing uses the image any more
   */
  Future<Committed> run(Optional<Checkpoint> parent, boolean resync) {
    observer.entered(IncrementState.MAPPING);
    return loop.blocking(Pool.SOURCE, () -> plan(parent, resync))
        .compose(this::unlessCancelled)
        .compose(this::begin)
        .compose(this::unlessCancelled)
        .compose(this::export)
        .compose(
            ignored -> {
              observer.entered(IncrementState.COMMITTING);
              Attempt open = attempt;
              return open == null
                  ? Future.failedFuture(new IllegalStateException("nothing to commit"))
                  : loop.blocking(Pool.PUBLISH, () -> commit(open));
            })
        .eventually(releaser::stop)
        .eventually(() -> watch == null ? Future.succeededFuture() : watch.stop());
  }

  /** A plan that finds history lost goes on only when that cannot be forgotten any more. */
  private IncrementPlan plan(Optional<Checkpoint> parent, boolean resync) throws SourceException {
    IncrementPlan plan =
        IncrementPlan.of(
            image,
            share.sourceType(),
            parent,
            history.doubt().map(VolumeHistory.Doubt::reason),
            resync);
    if (plan.lost()) {
      try {
        history.doubt(plan.reason());
      } catch (IOException e) {
        throw new SourceException(
            SourceException.Code.IO, "history was lost, and that cannot be remembered: " + e, e);
      }
    }
    return plan;
  }

  private Committed commit(Attempt open) throws BrokerException, IOException {
    try {
      Committed committed = open.commit(history::committing);
      history.committed(committed);
      return committed;
    } catch (BrokerException e) {
      if (e.code() == BrokerException.Code.FOREIGN) {
        history.doubt(FailureClassification.of(e).message());
      }
      throw e;
    }
  }

  private Future<IncrementPlan> begin(IncrementPlan plan) {
    Header header =
        new Header(
            incrementId,
            plan.kind(),
            plan.parent(),
            share.groupId(),
            share.snapshotId(),
            share.consistency(),
            image.info().capacityBytes(),
            image.info().blockSize(),
            plan.changedBytes(),
            plan.extentCount(),
            share.takenAt(),
            plan.source(image, share.sourceType(), shared.host()));
    return loop.blocking(Pool.PUBLISH, () -> publisher.begin(header))
        .map(
            begun -> {
              attempt = begun;
              observer.planned(incrementId, plan);
              return plan;
            });
  }

  private Future<Void> export(IncrementPlan plan) {
    observer.entered(IncrementState.EXPORTING);
    Attempt open = attempt;
    if (open == null) {
      return Future.failedFuture(new IllegalStateException("exported before begun"));
    }
    if (share.canRelease()) {
      releaser.start(ExtentCursor.complement(plan.extents().get(), image.info().capacityBytes()));
    }
    return loop.blocking(Pool.SOURCE, () -> plan.order(settings.chunkBytes(), share.canRelease()))
        .compose(this::unlessCancelled)
        .compose(order -> export(plan, open, order));
  }

  private Future<Void> export(IncrementPlan plan, Attempt open, ExportOrder order) {
    BackpressureController watching =
        new BackpressureController(loop, image, plan.changedBytes(), this::storageDecided);
    watch = watching;
    Pipeline running =
        new Pipeline(
            loop,
            image,
            new Planner(plan.extents().get(), order, image, settings.chunkBytes()),
            open,
            shared.budget(),
            shared.buffers(),
            new Pipeline.Listener() {
              @Override
              public void acknowledged(long offset, long length, int payload) {
                if (share.canRelease()) {
                  releaser.acknowledged(offset, length);
                }
                watching.done(length);
                observer.acknowledged(length, payload);
              }

              @Override
              public boolean busy() {
                return releaser.isFull();
              }
            },
            settings.chunkBytes(),
            settings.inFlightBytes(),
            settings.readers());
    pipeline = running;
    watching.start();
    return running.run();
  }

  private void storageDecided(BackpressurePolicy.Decision decision) {
    observer.storage(decision);
    if (pipeline == null) {
      return;
    }
    if (decision.pressure() == BackpressurePolicy.Pressure.LOST) {
      cancel(
          new SourceException(
              SourceException.Code.NO_SPACE,
              "given up before the difference storage overflows: it holds "
                  + decision.sample().usedBytes()
                  + " of "
                  + decision.sample().limitBytes()
                  + " bytes and "
                  + decision.fillPerSecond()
                  + " more a second, while "
                  + (decision.sample().totalBytes() - decision.sample().doneBytes())
                  + " bytes are still to be exported"));
    } else {
      pipeline.hurry(decision.pressure().haste());
    }
  }

  private void pump() {
    if (pipeline != null) {
      pipeline.pump();
    }
  }

  private <T> Future<T> unlessCancelled(T value) {
    return cancelled == null ? Future.succeededFuture(value) : Future.failedFuture(cancelled);
  }

  /** Makes the run fail with the cause, unless it is already committing. */
  void cancel(Throwable cause) {
    cancelled = cause;
    if (pipeline != null) {
      pipeline.cancel(cause);
    }
  }

  /** Tells Kafka, after the run has failed, that it will never be committed. Never fails. */
  Future<Void> abort(Failure failure) {
    Attempt open = attempt;
    return open == null
        ? Future.succeededFuture()
        : loop.perform(Pool.PUBLISH, () -> open.abort(failure.code(), failure.message()))
            .otherwiseEmpty();
  }
}
