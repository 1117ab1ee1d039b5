package io.blkcast.exporter.increment;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Named, bounded, metered pools for all that blocks. Every user bounds what it has under way, so a
 * full queue is a fault and is told as one.
 */
public final class BlockingPools implements AutoCloseable {

  /** Far above what all volumes together have under way: each at most some dozens. */
  private static final int QUEUE = 4096;

  /** Work for a pool. */
  interface Task extends Runnable {

    /** The pool was closed before it came to the task. */
    void dropped();
  }

  private final Map<Pool, ThreadPoolExecutor> executors = new EnumMap<>(Pool.class);

  /**
   * @param volumes volumes that share the pools
   * @param readers reads at once of a volume that is not pressed; there are threads for the most
   *     that a volume under pressure asks for, and some that it leaves to the others should its
   *     reads never return
   */
  public BlockingPools(int volumes, int readers, MeterRegistry meters) {
    add(Pool.SOURCE, Math.min(volumes + 1, 8), meters);
    add(Pool.READ, readers * (BackpressurePolicy.Pressure.CRITICAL.haste() + 1), meters);
    add(Pool.SEND, Math.min(volumes, 8), meters);
    add(Pool.PUBLISH, Math.min(volumes + 1, 16), meters);
    add(Pool.PROBE, 3, meters);
  }

  private void add(Pool pool, int threads, MeterRegistry meters) {
    AtomicInteger number = new AtomicInteger();
    ThreadPoolExecutor executor =
        new ThreadPoolExecutor(
            threads,
            threads,
            30,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(QUEUE),
            task -> {
              Thread thread =
                  new Thread(task, "blkcast-" + pool.label() + "-" + number.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
    executor.allowCoreThreadTimeOut(true);
    executors.put(pool, executor);
    Tags tags = Tags.of("pool", pool.label());
    Gauge.builder("blkcast.pool.queued", executor, e -> e.getQueue().size())
        .description("Tasks that wait for a thread")
        .tags(tags)
        .register(meters);
    Gauge.builder("blkcast.pool.active", executor, ThreadPoolExecutor::getActiveCount)
        .description("Threads at work")
        .tags(tags)
        .register(meters);
    Gauge.builder("blkcast.pool.threads", executor, ThreadPoolExecutor::getMaximumPoolSize)
        .description("Most threads there may be")
        .tags(tags)
        .register(meters);
  }

  /**
   * Runs the task in a thread of the pool.
   *
   * @throws RejectedExecutionException when the pool is closed or its queue full
   */
  void execute(Pool pool, Task task) {
    ThreadPoolExecutor executor = executors.get(pool);
    if (executor == null) {
      throw new IllegalArgumentException("no pool " + pool);
    }
    executor.execute(task);
  }

  /**
   * Waits for what is under way, for at most five seconds in all, then interrupts it and drops what
   * has not begun. Blocks.
   */
  @Override
  public void close() {
    executors.values().forEach(ThreadPoolExecutor::shutdown);
    long deadline = System.nanoTime() + Duration.ofSeconds(5).toNanos();
    for (ThreadPoolExecutor executor : executors.values()) {
      try {
        if (!executor.awaitTermination(
            Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS)) {
          drop(executor);
        }
      } catch (InterruptedException e) {
        drop(executor);
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void drop(ThreadPoolExecutor executor) {
    executor.shutdownNow().forEach(task -> ((Task) task).dropped());
  }
}
