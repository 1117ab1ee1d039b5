package io.blkcast.nbd;

import io.netty.util.concurrent.EventExecutor;

/**
 * Decides when the requests of one connection may take memory. A request is admitted before memory
 * is taken for it and counts until its reply has gone to the kernel. {@link NbdOptions#OWN_BYTES}
 * are the connection's own; beyond these it takes from its export's share. On the socket's event
 * loop only.
 */
final class Admission {

  private final MemoryLimit.Share share;
  private final long most;
  private final EventExecutor loop;
  private final Runnable granted;
  private long inFlight;
  private long shared;
  private boolean waiting;
  private boolean ended;

  /**
   * @param most bytes in flight, beyond which a request is only admitted alone
   * @param granted run on the loop when it is worth asking again
   */
  Admission(MemoryLimit.Share share, long most, EventExecutor loop, Runnable granted) {
    this.share = share;
    this.most = most;
    this.loop = loop;
    this.granted = granted;
  }

  /** Whether the request may take its memory now; if not, it is asked for again. */
  boolean admit(Request request) {
    long wanted = inFlight + request.cost();
    if (waiting || (inFlight > 0 && wanted > most)) {
      return false;
    }
    long missing = wanted - NbdOptions.OWN_BYTES - shared;
    if (missing > 0) {
      waiting = !share.take(missing, () -> loop.execute(() -> granted(missing)));
      if (waiting) {
        return false;
      }
      shared += missing;
    }
    inFlight = wanted;
    return true;
  }

  private void granted(long bytes) {
    waiting = false;
    shared += bytes;
    if (ended) {
      giveBack();
    } else {
      granted.run();
    }
  }

  /** Bytes in memory for this connection. */
  long inFlight() {
    return inFlight;
  }

  /** So much of what was admitted is in memory no more. */
  void done(long bytes) {
    inFlight -= bytes;
    giveBack();
  }

  /** No request is admitted any more; what is still granted goes back. */
  void end() {
    ended = true;
  }

  /** Nothing is in memory any more, not even of a request that did not come in whole. */
  void clear() {
    inFlight = 0;
    giveBack();
  }

  /** Keeps no more of the share than what is in flight beyond the connection's own. */
  private void giveBack() {
    long excess = shared - Math.max(0, inFlight - NbdOptions.OWN_BYTES);
    if (excess > 0) {
      shared -= excess;
      share.giveBack(excess);
    }
  }
}
