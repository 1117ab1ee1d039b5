package io.blkcast.exporter.increment;

import io.vertx.core.Future;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.Callable;

/**
 * The one thread that owns a volume's state, its clock, and the way out to the pools. What is given
 * to it from anywhere runs on that thread; futures of it complete there.
 */
public interface Loop {

  /** Runs the task on the loop, later; from any thread. */
  void execute(Runnable task);

  /** Runs the task on the loop after the delay, unless cancelled before. */
  Timer schedule(Duration delay, Runnable task);

  /** The time. */
  InstantSource clock();

  /** Does blocking work in a pool; the future completes on the loop. */
  <T> Future<T> blocking(Pool pool, Callable<T> work);

  /** As {@link #blocking(Pool, Callable)}, without a result. */
  default Future<Void> perform(Pool pool, Action work) {
    return this.<Boolean>blocking(
            pool,
            () -> {
              work.run();
              return true;
            })
        .mapEmpty();
  }

  /** Blocking work without a result. */
  @FunctionalInterface
  interface Action {
    void run() throws Exception;
  }

  /** A scheduled task. */
  @FunctionalInterface
  interface Timer {
    /** Does nothing once the task has run. */
    void cancel();
  }
}
