package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.Severity;
import io.blkcast.schema.VolumeEventType;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What becomes of a volume's share of one snapshot: an {@link IncrementRun} carries it to Kafka,
 * and the share is let go. After {@link #run}, {@link #release} follows where it is committed, else
 * {@link #abort}. Tells the monitor of each step, and of an outcome what the volume is attached to;
 * what it means for requests, and for what comes next, is the machine's business. Belongs to the
 * loop.
 */
final class Export implements IncrementRun.Observer {

  private static final Logger LOG = LoggerFactory.getLogger(Export.class);

  private final Loop loop;
  private final GroupSnapshot.Share share;
  private final VolumeSession attachment;
  private final VolumeMonitor monitor;
  private final EventSender events;
  private final DifferenceStorageGrowth room;
  private final IncrementRun run;

  Export(
      Loop loop,
      IncrementSettings settings,
      ExporterContext shared,
      VolumePublisher publisher,
      HistoryKeeper history,
      GroupSnapshot.Share share,
      VolumeSession attachment,
      VolumeMonitor monitor,
      EventSender events,
      DifferenceStorageGrowth room) {
    this.loop = loop;
    this.share = share;
    this.attachment = attachment;
    this.monitor = monitor;
    this.events = events;
    this.room = room;
    this.run = new IncrementRun(loop, settings, shared, publisher, history, share, this);
  }

  UUID incrementId() {
    return run.incrementId();
  }

  /** Has the run fail with the cause, unless it is committing already. */
  void cancel(Throwable cause) {
    run.cancel(cause);
  }

  /**
   * Carries the share to Kafka.
   *
   * @param resync whether it has to be a BASELINE
   */
  Future<Committed> run(boolean resync) {
    return run.run(attachment.parent(), resync).onSuccess(this::committed);
  }

  private void committed(Committed committed) {
    monitor.enter(IncrementState.RELEASING);
    IncrementCommitted manifest = committed.manifest();
    monitor.committed(manifest);
    attachment.committed(committed.checkpoint());
    LOG.info(
        "{}: committed {} {}: {} bytes changed in {} extents, {} bytes sent",
        manifest.getVolume(),
        manifest.getKind(),
        manifest.getIncrementId(),
        manifest.getChangedBytes(),
        manifest.getExtentCount(),
        manifest.getPayloadBytes());
  }

  /** Lets the share go after the commit; completes, on the loop, when the volume is idle. */
  Future<Void> release() {
    Promise<Void> idle = Promise.promise();
    share
        .close()
        .onComplete(
            destroyed ->
                loop.execute(
                    () -> {
                      if (destroyed.failed()) {
                        monitor.enter(IncrementState.ABORTING);
                      }
                      monitor.enter(IncrementState.IDLE);
                      idle.complete();
                    }));
    return idle.future();
  }

  /**
   * Gives up what could not be committed, and lets the share go; completes, on the loop, when that
   * is done as well as it can be. The volume is not idle before the cause was judged.
   */
  Future<Void> abort(Throwable cause) {
    boolean committing = monitor.state() == IncrementState.COMMITTING;
    monitor.enter(IncrementState.ABORTING);
    if (committing) {
      attachment.inDoubt();
    }
    FailureClassification verdict = FailureClassification.of(cause);
    Promise<Void> aborted = Promise.promise();
    run.abort(new Failure(verdict.code(), verdict.message(), loop.clock().instant()))
        .onComplete(ignored -> share.close().onComplete(closed -> loop.execute(aborted::complete)));
    return aborted.future();
  }

  @Override
  public void entered(IncrementState state) {
    monitor.enter(state);
  }

  @Override
  public void planned(UUID incrementId, IncrementPlan plan) {
    monitor.planned(incrementId, plan);
    if (plan.parent().isEmpty() && attachment.wasPublished()) {
      events.send(
          VolumeEventType.RESYNC_STARTED,
          Severity.WARNING,
          "the whole volume is published anew: " + plan.reason(),
          Optional.of(incrementId),
          Map.of());
    }
  }

  @Override
  public void acknowledged(long bytes, int payload) {
    monitor.acknowledged(bytes, payload);
  }

  @Override
  public void storage(BackpressurePolicy.Decision decision) {
    monitor.storage(decision);
    if (decision.worse()) {
      events.send(SourceEvents.tell(decision), Optional.of(run.incrementId()));
    }
    if (decision.pressure() == BackpressurePolicy.Pressure.LOST) {
      room.ask("the increment is given up before the difference storage is full", Map.of());
    }
  }
}
