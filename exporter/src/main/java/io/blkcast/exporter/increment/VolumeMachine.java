package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.PublishException;
import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.Severity;
import io.blkcast.schema.VolumeEventType;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The increments of one volume, one after the other, until it is closed or fenced.
 *
 * <p><b>Threads.</b> All state belongs to the loop. Public methods may be called from any thread
 * and go there first; {@link #status()} holds snapshots for others to read.
 *
 * <p><b>Course.</b> {@link #start} tracks the volume and opens the publisher, over and over until
 * both work. A request becomes the current one; the group coordinator takes a snapshot, an {@link
 * IncrementRun} carries it to Kafka, the snapshot is let go. A failed attempt is given up as a
 * whole and, after a while, taken anew on the same parent: the change map still knows everything
 * since. The parent is always what Kafka says was committed last, so after a commit whose outcome
 * is unknown the publisher is opened again before anything else. Requests that come while an
 * increment is under way are met by the next one, whose snapshot is then later than the request.
 */
public final class VolumeMachine implements GroupCoordinator.Member {

  private static final Logger LOG = LoggerFactory.getLogger(VolumeMachine.class);

  private final Loop loop;
  private final IncrementSettings settings;
  private final Shared shared;
  private final ChangeSource source;
  private final VolumePublisher publisher;
  private final GroupCoordinator group;
  private final VolumeMonitor monitor;
  private final EventSender events;
  private final Intent.Store intents;
  private final Requests requests = new Requests();
  private final Promise<Void> ready = Promise.promise();
  private final Promise<Void> closed = Promise.promise();

  private boolean tracked;
  private boolean open;
  private boolean everReady;
  private boolean preparing;
  private boolean paused;
  private boolean failed;
  private boolean fenced;
  private boolean closing;
  private boolean resyncAfterRestart;
  private boolean waitingForGroup;
  private boolean publisherClosed;
  private boolean roomAsked;
  private int failures;
  private Optional<Checkpoint> parent = Optional.empty();
  private @Nullable UUID uncertain;
  private Future<Void> saved = Future.succeededFuture();
  private @Nullable IncrementRun run;
  private Loop.@Nullable Timer retry;
  private Loop.@Nullable Timer schedule;

  public VolumeMachine(
      Loop loop,
      IncrementSettings settings,
      Shared shared,
      ChangeSource source,
      VolumePublisher publisher,
      GroupCoordinator group,
      Intent.Store intents) {
    this.loop = loop;
    this.settings = settings;
    this.shared = shared;
    this.source = source;
    this.publisher = publisher;
    this.group = group;
    this.intents = intents;
    this.monitor = new VolumeMonitor(settings.name(), loop.clock(), shared.meters());
    this.events = new EventSender(loop, settings.name(), publisher);
    group.add(this);
  }

  @Override
  public String volume() {
    return settings.name();
  }

  /** What others may know of the volume. */
  public VolumeMonitor monitor() {
    return monitor;
  }

  /** Completes when the volume was ready once; fails where it needs a person before that. */
  public Future<Void> ready() {
    return ready.future();
  }

  /** What tracks the volume, in one line for people. */
  public String sourceDescription() {
    return source.description();
  }

  /** What the volume's source can do. */
  public ChangeSource.Features features() {
    return source.features();
  }

  /** Begins; called once. */
  public void start() {
    loop.execute(
        () -> {
          paused = intents.current().paused();
          if (intents.current().resync()) {
            requests.add(Trigger.CALL, true, false, Promise.promise());
          }
          advance();
        });
  }

  /**
   * Wants an increment. A resync that is wanted is remembered over a restart.
   *
   * @param resync whether it has to be a BASELINE
   * @return completes, on the loop, when one whose snapshot is later than this call is committed;
   *     fails with {@link IncrementException} where that is not going to be
   */
  public Future<Committed> request(Trigger trigger, boolean resync) {
    Promise<Committed> promise = Promise.promise();
    loop.execute(
        () -> {
          requested(trigger, resync, promise);
          if (resync) {
            remember();
          }
        });
    return promise.future();
  }

  private void requested(Trigger trigger, boolean resync, Promise<Committed> promise) {
    Optional<IncrementException> refusal = refusal();
    if (refusal.isPresent()) {
      promise.fail(refusal.get());
      return;
    }
    boolean idle = monitor.state() == IncrementState.IDLE;
    requests.add(trigger, resync, !idle, promise);
    if (idle && (trigger == Trigger.CALL || trigger == Trigger.SIGNAL)) {
      cancelRetry();
    }
    advance();
  }

  private Optional<IncrementException> refusal() {
    String name = settings.name();
    if (closing) {
      return refusal(IncrementException.Code.CLOSED, name + ": the exporter is shutting down");
    }
    if (fenced) {
      return refusal(
          IncrementException.Code.FENCED,
          name
              + ": another exporter has taken this volume over; stop one of the two, then restart"
              + " this one if it is to have the volume");
    }
    if (failed) {
      return refusal(
          IncrementException.Code.FAILED,
          name
              + ": stopped: "
              + monitor.lastError().map(Failure::message).orElse("unknown cause")
              + "; mend that, then resume the volume");
    }
    if (paused) {
      return refusal(IncrementException.Code.PAUSED, name + ": paused; resume the volume first");
    }
    return Optional.empty();
  }

  private static Optional<IncrementException> refusal(
      IncrementException.Code code, String message) {
    return Optional.of(new IncrementException(code, message));
  }

  /**
   * Turns triggers off, also after a restart; what is under way is finished, what waits is refused.
   *
   * @return fails where this cannot be remembered
   */
  public Future<Void> pause() {
    return onLoop(
        () -> {
          if (!paused && !fenced && !closing) {
            paused = true;
            cancelRetry();
            cancelSchedule();
            if (monitor.state() == IncrementState.IDLE) {
              requests.refuseCurrent(refusalOrClosed());
            }
            requests.refuseNext(refusalOrClosed());
            events.send(
                VolumeEventType.PAUSED, Severity.INFO, "paused", Optional.empty(), Map.of());
          }
        });
  }

  /** Turns triggers on, and tries a failed volume again. */
  public Future<Void> resume() {
    return onLoop(
        () -> {
          if (paused || failed) {
            paused = false;
            failed = false;
            failures = 0;
            cancelRetry();
            events.send(
                VolumeEventType.RESUMED, Severity.INFO, "resumed", Optional.empty(), Map.of());
            arm();
          }
        });
  }

  private Future<Void> onLoop(Runnable task) {
    Promise<Void> promise = Promise.promise();
    loop.execute(
        () -> {
          task.run();
          advance();
          remember().onComplete(promise);
        });
    return promise.future();
  }

  /** Saves what a restart must not forget, one save after the other. */
  private Future<Void> remember() {
    // What closing refuses is asked for still.
    boolean resync = closing ? resyncAfterRestart : requests.wantResync();
    Intent intent = new Intent(paused, resync);
    saved =
        saved
            .otherwiseEmpty()
            .compose(
                ignored ->
                    intent.equals(intents.current())
                        ? Future.succeededFuture()
                        : loop.perform(Pool.SOURCE, () -> intents.save(intent)))
            .onFailure(
                e -> LOG.error("{}: cannot remember {}: {}", settings.name(), intent, e + ""));
    return saved;
  }

  /** Completes when the loop has done what was given to it so far. */
  public Future<Void> settled() {
    Promise<Void> promise = Promise.promise();
    loop.execute(promise::complete);
    return promise.future();
  }

  /** Something happened at the source; from any thread. */
  public void happened(SourceEvent event) {
    loop.execute(() -> sourceEvent(event));
  }

  private void sourceEvent(SourceEvent event) {
    SourceEvents.Told told = SourceEvents.tell(event);
    events.send(told.type(), told.severity(), told.message(), runId(), told.attributes());
    if (event instanceof SourceEvent.NoSpace) {
      askForRoom();
    }
    if (event instanceof SourceEvent.Corrupted corrupted && run != null) {
      run.cancel(new SourceException(SourceException.Code.CORRUPTED, corrupted.cause()));
    } else if (event instanceof SourceEvent.Changed) {
      requested(Trigger.CHANGED_BYTES, false, Promise.promise());
    } else if (event instanceof SourceEvent.Watermark) {
      requested(Trigger.STORAGE_WATERMARK, false, Promise.promise());
    }
  }

  /** The snapshot's storage is too small: the next one is to get more. Once for each snapshot. */
  private void askForRoom() {
    if (roomAsked || closing) {
      return;
    }
    roomAsked = true;
    loop.blocking(Pool.SOURCE, () -> source.moreRoom(settings.name()))
        .onSuccess(
            limit ->
                events.send(
                    VolumeEventType.NO_SPACE,
                    limit.isPresent() ? Severity.INFO : Severity.WARNING,
                    limit.isPresent()
                        ? "the difference storage of the next snapshot may hold "
                            + limit.getAsLong()
                            + " bytes"
                        : "the difference storage may not grow any further; raise"
                            + " differenceStorage.limit or growTo, or take increments more often",
                    Optional.empty(),
                    limit.isPresent()
                        ? Map.of("limit_bytes", Long.toString(limit.getAsLong()))
                        : Map.of()))
        .onFailure(e -> LOG.warn("{}: no more room can be had: {}", settings.name(), e.toString()));
  }

  /**
   * Ends what is under way as aborted, unless it is already committing, and closes the publisher.
   *
   * @return completes when nothing is used any more; bounded by the bounds of source and publisher
   */
  public Future<Void> close() {
    loop.execute(
        () -> {
          if (closing) {
            return;
          }
          closing = true;
          resyncAfterRestart = requests.wantResync();
          cancelRetry();
          cancelSchedule();
          if (monitor.state() != IncrementState.COMMITTING
              && monitor.state() != IncrementState.RELEASING) {
            requests.refuseCurrent(closedException());
          }
          requests.refuseNext(closedException());
          if (run != null) {
            run.cancel(closedException());
          }
          advance();
        });
    return closed.future();
  }

  private IncrementException closedException() {
    return new IncrementException(
        IncrementException.Code.CLOSED, settings.name() + ": the exporter is shutting down");
  }

  /** Does what can be done now. Called again whenever something has changed. */
  private void advance() {
    monitor.status(status());
    if (monitor.state() != IncrementState.IDLE || preparing || waitingForGroup) {
      return;
    }
    if (closing) {
      requests.refuseCurrent(closedException());
      if (!publisherClosed) {
        publisherClosed = true;
        Future<Void> remembered = saved.otherwiseEmpty();
        loop.perform(Pool.PUBLISH, publisher::close)
            .otherwiseEmpty()
            .compose(ignored -> remembered)
            .onComplete(ignored -> closed.tryComplete());
      }
      return;
    }
    if (fenced || failed || retry != null) {
      return;
    }
    if (!tracked || !open) {
      prepare();
      return;
    }
    requests.moveUp();
    if (requests.current().isPresent() && !paused) {
      waitingForGroup = true;
      group.request();
    }
  }

  private VolumeStatus status() {
    if (closing) {
      return VolumeStatus.CLOSED;
    }
    if (fenced) {
      return VolumeStatus.FENCED;
    }
    if (failed) {
      return VolumeStatus.FAILED;
    }
    if (paused) {
      return VolumeStatus.PAUSED;
    }
    return everReady ? VolumeStatus.ACTIVE : VolumeStatus.STARTING;
  }

  private void prepare() {
    preparing = true;
    String name = settings.name();
    Future<Void> tracking =
        tracked
            ? Future.succeededFuture()
            : loop.perform(Pool.SOURCE, () -> source.track(name))
                .onSuccess(ignored -> tracked = true);
    tracking
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
              if (prepared.succeeded()) {
                nowReady();
              } else {
                judge(prepared.cause());
              }
              advance();
            });
  }

  /** Takes over what Kafka says was committed last, unless it was committed by another. */
  private Future<Void> adopt(Optional<Checkpoint> committed) {
    UUID known = parent.map(Checkpoint::getIncrementId).orElse(null);
    UUID found = committed.map(Checkpoint::getIncrementId).orElse(null);
    boolean ours = found == null ? known == null : found.equals(known) || found.equals(uncertain);
    if (everReady && !ours) {
      return Future.failedFuture(
          new PublishException(
              PublishException.Code.FENCED,
              "another exporter has committed increment " + found + " in the meantime"));
    }
    if (found != null && found.equals(uncertain)) {
      LOG.info("{}: increment {} turned out to be committed", settings.name(), found);
    }
    uncertain = null;
    parent = committed;
    open = true;
    monitor.committed(committed);
    return Future.succeededFuture();
  }

  private void nowReady() {
    if (!everReady) {
      everReady = true;
      events.send(
          VolumeEventType.ATTACHED,
          Severity.INFO,
          parent
              .map(last -> "ready; last increment is " + last.getIncrementId())
              .orElse("ready; nothing published yet"),
          Optional.empty(),
          Map.of());
      ready.tryComplete();
      arm();
    }
  }

  /** Sets the schedule's timer: one period after the last increment's commit, or now. */
  private void arm() {
    cancelSchedule();
    if (settings.every().isEmpty() || closing || fenced || paused) {
      monitor.nextAt(Optional.empty());
      return;
    }
    Instant now = loop.clock().instant();
    Instant due =
        parent.map(last -> last.getCommittedAt().plus(settings.every().get())).orElse(now);
    Instant at = due.isBefore(now) ? now : due;
    monitor.nextAt(Optional.of(at));
    schedule =
        loop.schedule(
            Duration.between(now, at),
            () -> {
              schedule = null;
              monitor.nextAt(Optional.empty());
              if (requests.current().isEmpty()) {
                requested(Trigger.SCHEDULE, false, Promise.promise());
              }
            });
  }

  @Override
  public Future<Boolean> join() {
    Promise<Boolean> answer = Promise.promise();
    loop.execute(
        () -> {
          waitingForGroup = false;
          boolean joins =
              status() == VolumeStatus.ACTIVE
                  && monitor.state() == IncrementState.IDLE
                  && !preparing
                  && tracked
                  && open;
          if (joins) {
            cancelRetry();
            roomAsked = false;
            monitor.started(requests.take(Trigger.GROUP).trigger());
            monitor.enter(IncrementState.TAKING);
          }
          answer.complete(joins);
          advance();
        });
    return answer.future();
  }

  @Override
  public void notTaken(Throwable cause) {
    loop.execute(
        () -> {
          monitor.enter(IncrementState.ABORTING);
          gaveUp(cause);
        });
  }

  @Override
  public void taken(GroupSnapshot.Share share) {
    loop.execute(() -> export(share));
  }

  private void export(GroupSnapshot.Share share) {
    monitor.taken(share.takenAt());
    boolean resync = requests.current().filter(IncrementRequest::resync).isPresent();
    IncrementRun running =
        new IncrementRun(loop, settings, shared, publisher, share, new Follower());
    run = running;
    if (closing) {
      running.cancel(closedException());
    }
    running
        .run(parent, resync)
        .onComplete(
            result -> {
              if (result.succeeded()) {
                release(share, result.result());
              } else {
                abort(running, share, result.cause());
              }
            });
  }

  private void release(GroupSnapshot.Share share, Committed committed) {
    monitor.enter(IncrementState.RELEASING);
    parent = Optional.of(committed.checkpoint());
    failures = 0;
    monitor.committed(committed.manifest());
    monitor.committed(parent);
    IncrementCommitted manifest = committed.manifest();
    LOG.info(
        "{}: committed {} {}: {} bytes changed in {} extents, {} bytes sent",
        settings.name(),
        manifest.getKind(),
        manifest.getIncrementId(),
        manifest.getChangedBytes(),
        manifest.getExtentCount(),
        manifest.getPayloadBytes());
    Optional<IncrementRequest> done = requests.finish();
    resyncAfterRestart &= done.filter(IncrementRequest::resync).isEmpty();
    remember();
    share
        .close()
        .onComplete(
            destroyed ->
                loop.execute(
                    () -> {
                      run = null;
                      if (destroyed.failed()) {
                        monitor.enter(IncrementState.ABORTING);
                      }
                      monitor.enter(IncrementState.IDLE);
                      arm();
                      done.ifPresent(request -> request.committed(committed));
                      advance();
                    }));
  }

  private void abort(IncrementRun running, GroupSnapshot.Share share, Throwable cause) {
    boolean committing = monitor.state() == IncrementState.COMMITTING;
    monitor.enter(IncrementState.ABORTING);
    if (committing) {
      uncertain = running.incrementId();
      open = false;
    }
    Verdict verdict = Verdict.of(cause);
    running
        .abort(new Failure(verdict.code(), verdict.message(), loop.clock().instant()))
        .onComplete(
            ignored -> share.close().onComplete(closed -> loop.execute(() -> gaveUp(cause))));
  }

  private void gaveUp(Throwable cause) {
    Optional<UUID> incrementId = runId();
    run = null;
    judge(cause);
    Verdict verdict = Verdict.of(cause);
    if (verdict.next() != Verdict.Next.CLOSED) {
      events.send(
          SourceEvents.failureType(verdict.code()),
          verdict.next() == Verdict.Next.RETRY ? Severity.WARNING : Severity.ERROR,
          "increment given up: " + verdict.message(),
          incrementId,
          Map.of("code", verdict.code()));
    }
    monitor.gaveUp();
    monitor.enter(IncrementState.IDLE);
    advance();
  }

  /** Notes the failure and decides how to go on. */
  private void judge(Throwable cause) {
    Verdict verdict = Verdict.of(cause);
    if (verdict.code().equals("internal")) {
      LOG.error("{}: unexpected failure", settings.name(), cause);
    }
    failures++;
    open &= !verdict.reopen();
    tracked &= !verdict.retrack();
    monitor.failed(verdict.code(), verdict.message());
    monitor.usable(tracked, open);
    switch (verdict.next()) {
      case RETRY, RETRY_SLOWLY -> {
        boolean slowly = verdict.next() == Verdict.Next.RETRY_SLOWLY;
        // A device may come back by itself; the other volumes go on meanwhile.
        if (slowly && !verdict.retrack()) {
          ready.tryFail(cause);
        }
        if (paused) {
          requests.refuseCurrent(refusalOrClosed());
        } else if (!closing) {
          retryAfter(Backoff.after(failures, slowly, shared.random()), verdict);
        }
      }
      case STOP -> {
        failed = true;
        stop(cause);
      }
      case FENCED -> {
        fenced = true;
        stop(cause);
      }
      case CLOSED -> {
        if (!closing) {
          retryAfter(Backoff.after(failures, true, shared.random()), verdict);
        }
      }
    }
  }

  private void retryAfter(Duration delay, Verdict verdict) {
    LOG.warn(
        "{}: {} ({}); again in {} ms",
        settings.name(),
        verdict.message(),
        verdict.code(),
        delay.toMillis());
    cancelRetry();
    monitor.retryAt(Optional.of(loop.clock().instant().plus(delay)));
    retry =
        loop.schedule(
            delay,
            () -> {
              cancelRetry();
              advance();
            });
  }

  private void stop(Throwable cause) {
    cancelSchedule();
    // Before anyone is told: whoever asks then finds the state that goes with the answer.
    monitor.status(status());
    requests.refuseCurrent(refusalOrClosed());
    requests.refuseNext(refusalOrClosed());
    ready.tryFail(cause);
    LOG.error("{}: stopped: {}", settings.name(), String.valueOf(cause.getMessage()));
  }

  private IncrementException refusalOrClosed() {
    return refusal().orElseGet(this::closedException);
  }

  private void cancelRetry() {
    if (retry != null) {
      retry.cancel();
      retry = null;
    }
    monitor.retryAt(Optional.empty());
  }

  private void cancelSchedule() {
    if (schedule != null) {
      schedule.cancel();
      schedule = null;
    }
    monitor.nextAt(Optional.empty());
  }

  private Optional<UUID> runId() {
    return Optional.ofNullable(run).map(IncrementRun::incrementId);
  }

  /** Volumes of an exporter, for those who look them up. */
  public static Optional<VolumeMachine> find(List<VolumeMachine> machines, String name) {
    return machines.stream().filter(machine -> machine.volume().equals(name)).findFirst();
  }

  private final class Follower implements IncrementRun.Observer {
    @Override
    public void entered(IncrementState state) {
      monitor.enter(state);
    }

    @Override
    public void planned(UUID incrementId, IncrementPlan plan) {
      monitor.planned(incrementId, plan);
      if (plan.parent().isEmpty() && parent.isPresent()) {
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
    public void storage(StorageGuard.Decision decision) {
      monitor.storage(decision);
      if (decision.worse()) {
        SourceEvents.Told told = SourceEvents.tell(decision);
        events.send(told.type(), told.severity(), told.message(), runId(), told.attributes());
      }
      if (decision.pressure() == StorageGuard.Pressure.LOST) {
        askForRoom();
      }
    }
  }
}
