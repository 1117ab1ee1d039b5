package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.List;

/** An increment that is wanted, by one or by several; lives through failed attempts. */
final class IncrementRequest {

  private final Trigger trigger;
  private final List<Promise<Committed>> waiters = new ArrayList<>();
  private boolean resync;
  private boolean signalled;

  IncrementRequest(Trigger trigger) {
    this.trigger = trigger;
  }

  Trigger trigger() {
    return trigger;
  }

  boolean resync() {
    return resync;
  }

  /** Whether a BASELINE was asked for by someone who is not told of a refusal. */
  boolean isKept() {
    return signalled;
  }

  void join(Promise<Committed> waiter, boolean asResync, boolean bySignal) {
    waiters.add(waiter);
    resync |= asResync;
    signalled |= asResync && bySignal;
  }

  void committed(Committed committed) {
    waiters.forEach(waiter -> waiter.complete(committed));
  }

  void refused(RequestRefusedException why) {
    waiters.forEach(waiter -> waiter.fail(why));
  }
}
