package io.blkcast.nbd;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Requests of one connection on their way to the workers.
 *
 * <p>Waking a thread costs more than a small write into the page cache, so one worker serves a
 * connection until nothing is left, and another joins only as requests pile up behind it. After
 * {@value #TURN} requests a worker lets other connections have their turn.
 */
final class WorkQueue {

  private static final int PILE = 4;
  private static final int TURN = 64;

  private final Executor workers;
  private final int mostWorkers;
  private final Consumer<Request> service;
  private final Queue<Request> queue = new ConcurrentLinkedQueue<>();
  private final AtomicInteger waiting = new AtomicInteger();
  private final AtomicInteger active = new AtomicInteger();

  /**
   * @param service serves one request
   */
  WorkQueue(Executor workers, int mostWorkers, Consumer<Request> service) {
    this.workers = workers;
    this.mostWorkers = mostWorkers;
    this.service = service;
  }

  /** Takes a request from the event loop. */
  void add(Request request) {
    queue.add(request);
    join(waiting.incrementAndGet());
  }

  private void join(int pile) {
    int wanted = Math.min(mostWorkers, 1 + pile / PILE);
    int now = active.get();
    while (now < wanted) {
      if (active.compareAndSet(now, now + 1)) {
        start();
        return;
      }
      now = active.get();
    }
  }

  private void start() {
    try {
      workers.execute(this::work);
    } catch (RejectedExecutionException e) {
      // The server has stopped: nobody waits for a reply.
      active.decrementAndGet();
    }
  }

  private void work() {
    boolean more = true;
    try {
      for (int served = 0; more && served < TURN; served++) {
        Request request = queue.poll();
        more = request != null;
        if (request != null) {
          waiting.decrementAndGet();
          service.accept(request);
        }
      }
    } finally {
      // Also after a failure: what waits behind it is served by somebody.
      if (more) {
        start();
      } else {
        leave();
      }
    }
  }

  private void leave() {
    active.decrementAndGet();
    int pile = waiting.get();
    if (pile > 0) {
      // One came in between the look and the leave.
      join(pile);
    }
  }
}
