package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.vertx.core.Promise;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The increments that are wanted of a volume: the one that is next to be taken or under way, and
 * the one after it, for what was asked since its snapshot. Belongs to the loop.
 */
final class Requests {

  private @Nullable IncrementRequest current;
  private @Nullable IncrementRequest next;
  private boolean closing;

  /** Whether a BASELINE that was signalled waits until increments are taken again. */
  private boolean kept;

  /** Whether a BASELINE was wanted when closing began, and is not done. */
  private boolean owed;

  /**
   * Wants an increment. A consumer repeats its signal for a BASELINE until one is committed: the
   * one that is under way is what it waits for.
   *
   * @param underWay whether the snapshot of the current one may have been taken already
   */
  void add(Trigger trigger, boolean resync, boolean underWay, Promise<Committed> waiter) {
    boolean repeated = trigger == Trigger.SIGNAL && resync && current != null && current.resync();
    if (underWay && !repeated) {
      next = next == null ? new IncrementRequest(trigger) : next;
      next.join(waiter, resync, trigger == Trigger.SIGNAL);
    } else {
      current = current == null ? new IncrementRequest(trigger) : current;
      current.join(waiter, resync, trigger == Trigger.SIGNAL);
    }
  }

  /** Wants a BASELINE as soon as one can be had: nobody is there to be told of a refusal. */
  void keepResync() {
    kept = true;
  }

  Optional<IncrementRequest> current() {
    return Optional.ofNullable(current);
  }

  /** What waited behind the current one moves up, if that one is done. While none is under way. */
  void moveUp() {
    if (current == null) {
      current = next;
      next = null;
    }
    if (kept && !closing) {
      kept = false;
      add(Trigger.SIGNAL, true, false, Promise.promise());
    }
  }

  /** The current one, making one where there is none. */
  IncrementRequest take(Trigger otherwise) {
    moveUp();
    IncrementRequest taken = current == null ? new IncrementRequest(otherwise) : current;
    current = taken;
    return taken;
  }

  /** The current one is done; others are told by the caller. */
  Optional<IncrementRequest> finish() {
    Optional<IncrementRequest> done = current();
    owed &= done.filter(IncrementRequest::resync).isEmpty();
    current = null;
    return done;
  }

  /** What is refused from now on is wanted still, of the next process. */
  void closing() {
    owed = wantResync();
    closing = true;
  }

  /** Whether one that is not done has to be a BASELINE. */
  boolean wantResync() {
    return closing
        ? owed
        : kept || (current != null && current.resync()) || (next != null && next.resync());
  }

  void refuseAll(RequestRefusedException why) {
    refuseCurrent(why);
    refuseNext(why);
  }

  void refuseCurrent(RequestRefusedException why) {
    if (current != null) {
      kept |= current.isKept();
      current.refused(why);
      current = null;
    }
  }

  void refuseNext(RequestRefusedException why) {
    if (next != null) {
      kept |= next.isKept();
      next.refused(why);
      next = null;
    }
  }
}
