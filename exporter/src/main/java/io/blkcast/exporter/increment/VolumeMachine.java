package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.kafka.BrokerException;
import io.blkcast.schema.Severity;
import io.blkcast.schema.VolumeEventType;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The increments of one volume, one after the other, until it is closed or fenced.
 *
 * <p><b>Threads.</b> All state belongs to the loop. Public methods may be called from any thread
 * and go there first; {@link #monitor()} holds snapshots for others to read.
 *
 * <p><b>Course.</b> {@link #start} tracks the volume and opens the publisher, over and over until
 * both work. A request becomes the current one; the group coordinator takes a snapshot, an {@link
 * IncrementRun} carries it to Kafka, the snapshot is let go. A failed attempt is given up as a
 * whole and, after a while, taken anew on the same parent: the change map still knows everything
 * since. The parent is what Kafka says was committed last, so after a commit whose outcome is
 * unknown the publisher is opened again before anything else; where that is not what was committed
 * here, nothing is built on it. Requests that come while an increment is under way are met by the
 * next one, whose snapshot is then later than the request.
 *
 * <p><b>Parts.</b> This decides what comes next. What it goes by is kept by parts that do not know
 * it: {@link VolumeLifecycle} (may anything be taken), {@link VolumeSession} and {@link
 * HistoryKeeper} (what an increment builds on), {@link Requests}, {@link Retry} and {@link
 * Schedule} (when), {@link Export} (the increment under way), {@link DifferenceStorageGrowth},
 * {@link IntentKeeper}.
 */
public final class VolumeMachine implements GroupCoordinator.Member {

  private static final Logger LOG = LoggerFactory.getLogger(VolumeMachine.class);

  private final Loop loop;
  private final IncrementSettings settings;
  private final ExporterContext shared;
  private final ChangeSource source;
  private final VolumePublisher publisher;
  private final GroupCoordinator group;
  private final VolumeMonitor monitor;
  private final EventSender events;
  private final VolumeLifecycle standing;
  private final HistoryKeeper history;
  private final VolumeSession attachment;
  private final IntentKeeper intents;
  private final Retry retry;
  private final Schedule schedule;
  private final DifferenceStorageGrowth room;
  private final Requests requests = new Requests();
  private final Promise<Void> ready = Promise.promise();
  private final Promise<Void> closed = Promise.promise();

  /** Of the last snapshot, what its end was told as. */
  private final Set<VolumeEventType> told = EnumSet.noneOf(VolumeEventType.class);

  private @Nullable String notReadyFor;
  private boolean waitingForGroup;
  private boolean publisherClosed;
  private @Nullable Export export;

  public VolumeMachine(
      Loop loop,
      IncrementSettings settings,
      ExporterContext shared,
      ChangeSource source,
      VolumePublisher publisher,
      GroupCoordinator group,
      Intent.Store intents,
      VolumeHistory.Store history) {
    this.loop = loop;
    this.settings = settings;
    this.shared = shared;
    this.source = source;
    this.publisher = publisher;
    this.group = group;
    String name = settings.name();
    this.monitor = new VolumeMonitor(name, loop.clock(), shared.meters());
    this.events = new EventSender(loop, name, publisher);
    this.standing = new VolumeLifecycle(name, monitor);
    this.history = new HistoryKeeper(name, loop.clock(), history);
    this.attachment =
        new VolumeSession(loop, name, source, publisher, this.history, monitor, events);
    this.intents = new IntentKeeper(loop, name, intents);
    this.retry = new Retry(loop, shared.random(), name, monitor, this::advance);
    this.schedule = new Schedule(loop, settings.every(), monitor, this::due);
    this.room = new DifferenceStorageGrowth(loop, source, name, events);
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
          if (intents.current().paused()) {
            standing.stillPaused();
          }
          if (intents.current().resync()) {
            requests.keepResync();
          }
          advance();
        });
  }

  /**
   * Wants an increment. A resync that is wanted is remembered over a restart.
   *
   * @param resync whether it has to be a BASELINE
   * @return completes, on the loop, when one whose snapshot is later than this call is committed,
   *     or for a signal for a BASELINE one that is under way; fails with {@link
   *     RequestRefusedException} where that is not going to be
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
    if (resync && trigger == Trigger.CALL) {
      tryAgain();
    }
    Optional<RequestRefusedException> refusal = standing.refusal();
    boolean looksAgain = resync && standing.status() == VolumeStatus.FENCED;
    if (refusal.isPresent() && !looksAgain) {
      if (trigger == Trigger.SIGNAL) {
        answerSignal(resync, refusal.get());
      }
      promise.fail(refusal.get());
      return;
    }
    boolean idle = monitor.state() == IncrementState.IDLE;
    requests.add(trigger, resync, !idle, promise);
    if (idle && (trigger == Trigger.CALL || trigger == Trigger.SIGNAL)) {
      retry.cancel();
    }
    advance();
  }

  /** Whoever sends a signal learns by an event that it is not met now, or later. */
  private void answerSignal(boolean resync, RequestRefusedException refusal) {
    VolumeStatus status = standing.status();
    if (status != VolumeStatus.PAUSED && status != VolumeStatus.FAILED) {
      return;
    }
    if (resync) {
      requests.keepResync();
    }
    events.send(
        status == VolumeStatus.PAUSED ? VolumeEventType.PAUSED : VolumeEventType.INCREMENT_FAILED,
        Severity.WARNING,
        resync
            ? "a BASELINE was asked for by a signal; it is taken when the volume is resumed ("
                + refusal.getMessage()
                + ")"
            : "an increment was asked for by a signal and is not taken: " + refusal.getMessage());
  }

  /**
   * What keeps anything from being published at this moment, whatever the volume does; empty when
   * that is over. From any thread.
   */
  public void brokers(Optional<String> problem) {
    loop.execute(
        () -> {
          monitor.trouble(problem);
          if (problem.isEmpty()) {
            events.send(VolumeEventType.ATTACHED, Severity.INFO, "Kafka can be relied on again");
            if (retry.isWaiting() && !standing.isClosed()) {
              retry.cancel();
              advance();
            }
          }
        });
  }

  /** What is wrong beside and keeps nothing from its work; empty when that is over. */
  public void warn(Optional<Failure> warning) {
    loop.execute(() -> monitor.warning(warning));
  }

  /**
   * What was published is gone from Kafka: the attempt under way is given up, and the next
   * increment is a BASELINE. From any thread.
   *
   * @param why in plain words
   */
  public void publishedLost(String why) {
    loop.execute(
        () -> {
          if (standing.isClosed() || standing.status() == VolumeStatus.FENCED) {
            return;
          }
          events.send(
              VolumeEventType.RESYNC_NEEDED,
              Severity.ERROR,
              why + "; the next increment is a BASELINE");
          if (export != null) {
            export.cancel(new BrokerException(BrokerException.Code.RETRIABLE, why));
          }
          requests.keepResync();
          remember();
          advance();
        });
  }

  /** A BASELINE is the way out of most troubles, so to ask for one is to have it tried. */
  private void tryAgain() {
    if (standing.isStopped()) {
      standing.tryAgain();
      retry.succeeded();
    }
  }

  /**
   * Turns triggers off, also after a restart; what is under way is finished, what waits is refused.
   *
   * @return fails where this cannot be remembered
   */
  public Future<Void> pause() {
    return onLoop(
        () -> {
          if (standing.pause()) {
            retry.cancel();
            schedule.cancel();
            if (monitor.state() == IncrementState.IDLE) {
              requests.refuseCurrent(standing.reason());
            }
            requests.refuseNext(standing.reason());
            events.send(VolumeEventType.PAUSED, Severity.INFO, "paused");
          }
        });
  }

  /**
   * Turns triggers on, tries a failed volume again, and takes over one that another exporter has.
   */
  public Future<Void> resume() {
    return onLoop(
        () -> {
          if (standing.isFenced()) {
            attachment.takeOverAnyway();
          }
          if (standing.resume()) {
            retry.succeeded();
            retry.cancel();
            events.send(VolumeEventType.RESUMED, Severity.INFO, "resumed");
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

  /** Saves what a restart must not forget. */
  private Future<Void> remember() {
    return intents.save(new Intent(standing.isPaused(), requests.wantResync()));
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
    SourceEvents.Told what = SourceEvents.tell(event);
    if (event instanceof SourceEvent.NoSpace && !told.contains(what.type())) {
      room.ask(what.message(), what.attributes());
    } else if (tellOnce(what.type())) {
      events.send(what, Optional.ofNullable(export).map(Export::incrementId));
    }
    if (event instanceof SourceEvent.Corrupted corrupted && export != null) {
      export.cancel(new SourceException(SourceException.Code.CORRUPTED, corrupted.cause()));
    } else if (event instanceof SourceEvent.Changed) {
      requested(Trigger.CHANGED_BYTES, false, Promise.promise());
    } else if (event instanceof SourceEvent.Watermark) {
      requested(Trigger.STORAGE_WATERMARK, false, Promise.promise());
    }
  }

  /** Whether that is to be told: the end of a snapshot once, by the source or the attempt. */
  private boolean tellOnce(VolumeEventType type) {
    return switch (type) {
      case SNAPSHOT_CORRUPTED -> told.add(type);
      case NO_SPACE -> !room.isAsked() && told.add(type);
      default -> true;
    };
  }

  /**
   * Ends what is under way as aborted, unless it is already committing, and closes the publisher.
   *
   * @return completes when nothing is used any more; bounded by the bounds of source and publisher
   */
  public Future<Void> close() {
    loop.execute(
        () -> {
          if (standing.isClosed()) {
            return;
          }
          standing.close();
          requests.closing();
          room.close();
          retry.cancel();
          schedule.cancel();
          if (monitor.state() != IncrementState.COMMITTING
              && monitor.state() != IncrementState.RELEASING) {
            requests.refuseCurrent(standing.closing());
          }
          requests.refuseNext(standing.closing());
          if (export != null) {
            export.cancel(standing.closing());
          }
          advance();
        });
    return closed.future();
  }

  /** Does what can be done now. Called again whenever something has changed. */
  private void advance() {
    monitor.status(standing.status());
    if (monitor.state() != IncrementState.IDLE || attachment.isPreparing() || waitingForGroup) {
      return;
    }
    if (standing.isClosed()) {
      requests.refuseCurrent(standing.closing());
      if (!publisherClosed) {
        publisherClosed = true;
        Future<Void> remembered = intents.settled();
        loop.perform(Pool.PUBLISH, publisher::close)
            .otherwiseEmpty()
            .compose(ignored -> remembered)
            .onComplete(ignored -> closed.tryComplete());
      }
      return;
    }
    if (standing.isStopped() || retry.isWaiting()) {
      return;
    }
    if (!attachment.isUsable()) {
      prepare();
      return;
    }
    requests.moveUp();
    if (requests.current().isPresent() && !standing.isPaused()) {
      waitingForGroup = true;
      group.request();
    }
  }

  private void prepare() {
    attachment
        .prepare()
        .onComplete(
            prepared -> {
              if (prepared.succeeded()) {
                nowReady();
              } else {
                judge(prepared.cause());
                notReady(FailureClassification.of(prepared.cause()));
              }
              advance();
            });
  }

  /** Tells once of each reason why the volume cannot be published. */
  private void notReady(FailureClassification verdict) {
    if (verdict.next() != FailureClassification.Next.CLOSED
        && !verdict.message().equals(notReadyFor)) {
      notReadyFor = verdict.message();
      events.send(
          VolumeEventType.INCREMENT_FAILED,
          verdict.next() == FailureClassification.Next.RETRY ? Severity.WARNING : Severity.ERROR,
          "cannot be published: " + verdict.message(),
          Optional.empty(),
          Map.of("code", verdict.code()));
    }
  }

  private void nowReady() {
    notReadyFor = null;
    if (standing.isFenced()) {
      standing.notFenced();
      retry.succeeded();
      events.send(
          VolumeEventType.RESUMED,
          Severity.WARNING,
          "no other exporter has the volume any more: taken over again");
      arm();
    }
    if (standing.ready()) {
      events.send(
          VolumeEventType.ATTACHED,
          Severity.INFO,
          attachment
              .parent()
              .map(last -> "ready; last increment is " + last.getIncrementId())
              .orElse("ready; nothing published yet"));
      ready.tryComplete();
      arm();
    }
  }

  private void arm() {
    if (standing.isScheduled()) {
      schedule.arm(attachment.committedAt());
    } else {
      schedule.cancel();
    }
  }

  private void due() {
    if (requests.current().isEmpty()) {
      requested(Trigger.SCHEDULE, false, Promise.promise());
    }
  }

  @Override
  public Future<Boolean> join() {
    Promise<Boolean> answer = Promise.promise();
    loop.execute(
        () -> {
          waitingForGroup = false;
          boolean joins =
              standing.status() == VolumeStatus.ACTIVE
                  && monitor.state() == IncrementState.IDLE
                  && !attachment.isPreparing()
                  && attachment.isUsable();
          if (joins) {
            retry.cancel();
            room.nextSnapshot();
            told.clear();
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
          gaveUp(cause, Optional.empty());
        });
  }

  @Override
  public void taken(GroupSnapshot.Share share) {
    loop.execute(() -> carry(share));
  }

  private void carry(GroupSnapshot.Share share) {
    monitor.taken(share.takenAt());
    boolean resync = requests.current().filter(IncrementRequest::resync).isPresent();
    Export running =
        new Export(
            loop, settings, shared, publisher, history, share, attachment, monitor, events, room);
    export = running;
    if (standing.isClosed()) {
      running.cancel(standing.closing());
    }
    running
        .run(resync)
        .onComplete(
            result -> {
              if (result.succeeded()) {
                committed(running, result.result());
              } else {
                Throwable cause = result.cause();
                running
                    .abort(cause)
                    .onComplete(ignored -> gaveUp(cause, Optional.of(running.incrementId())));
              }
            });
  }

  private void committed(Export running, Committed committed) {
    retry.succeeded();
    Optional<IncrementRequest> done = requests.finish();
    remember();
    running
        .release()
        .onComplete(
            ignored -> {
              export = null;
              arm();
              done.ifPresent(request -> request.committed(committed));
              advance();
            });
  }

  private void gaveUp(Throwable cause, Optional<UUID> incrementId) {
    export = null;
    judge(cause);
    FailureClassification verdict = FailureClassification.of(cause);
    SourceEvents.Told what = SourceEvents.tell(verdict);
    if (verdict.next() != FailureClassification.Next.CLOSED && tellOnce(what.type())) {
      events.send(what, incrementId);
    }
    monitor.gaveUp();
    monitor.enter(IncrementState.IDLE);
    advance();
  }

  /** Notes the failure and decides how to go on. */
  private void judge(Throwable cause) {
    FailureClassification verdict = FailureClassification.of(cause);
    if (verdict.code().equals("internal")) {
      LOG.error("{}: unexpected failure", settings.name(), cause);
    }
    retry.failed();
    monitor.failed(verdict.code(), verdict.message());
    attachment.failed(verdict);
    switch (verdict.next()) {
      case RETRY, RETRY_SLOWLY -> {
        boolean slowly = verdict.next() == FailureClassification.Next.RETRY_SLOWLY;
        // A device may come back by itself; the other volumes go on meanwhile.
        if (slowly && !verdict.retrack()) {
          ready.tryFail(cause);
        }
        if (standing.isPaused()) {
          requests.refuseCurrent(standing.reason());
        } else if (!standing.isClosed()) {
          retry.schedule(verdict, slowly);
        }
      }
      case STOP -> {
        standing.fail();
        stop(cause, true);
      }
      case FENCED -> {
        boolean known = standing.isFenced();
        standing.fence();
        stop(cause, !known);
        // The other may turn out not to exist: nobody should have to notice that.
        if (!standing.isClosed()) {
          retry.schedule(verdict, true);
        }
      }
      case CLOSED -> {
        if (!standing.isClosed()) {
          retry.schedule(verdict, true);
        }
      }
    }
  }

  private void stop(Throwable cause, boolean tell) {
    schedule.cancel();
    // Before anyone is told: whoever asks then finds the state that goes with the answer.
    monitor.status(standing.status());
    requests.refuseAll(standing.reason());
    ready.tryFail(cause);
    if (tell) {
      LOG.error("{}: stopped: {}", settings.name(), String.valueOf(cause.getMessage()));
    }
  }

  /** Volumes of an exporter, for those who look them up. */
  public static Optional<VolumeMachine> find(List<VolumeMachine> machines, String name) {
    return machines.stream().filter(machine -> machine.volume().equals(name)).findFirst();
  }
}
