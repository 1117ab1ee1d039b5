package io.blkcast.replicator;

import io.blkcast.client.Follower;
import io.blkcast.client.FollowerConfig;
import io.blkcast.client.FollowerListener;
import io.blkcast.client.IncrementException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A replicator that runs in this process: one thread, named after the volume, follows it and
 * applies its increments to the target.
 */
public final class Replicator implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Replicator.class);
  private static final Duration CLOSE = Duration.ofSeconds(30);

  private final ReplicaSink sink;
  private final Follower follower;
  private final Thread thread;
  private final CompletableFuture<Void> done = new CompletableFuture<>();

  private Replicator(
      FollowerConfig config, ReplicaSink sink, FollowerListener listener, Follower.Until until) {
    this.sink = sink;
    this.follower = new Follower(config, sink, listener);
    this.thread = new Thread(() -> run(until), "blkcast-replicate-" + config.volume());
  }

  /**
   * Opens the target and starts.
   *
   * @param overwrite as of {@link ReplicaSink#open}
   * @throws IncrementException where the target cannot be taken; nothing runs then
   */
  public static Replicator start(
      FollowerConfig config,
      Path target,
      Path stateFile,
      boolean overwrite,
      FollowerListener listener,
      Follower.Until until)
      throws IncrementException {
    ReplicaSink sink = ReplicaSink.open(target, stateFile, config.volume(), overwrite);
    Replicator replicator;
    try {
      replicator = new Replicator(config, sink, listener, until);
    } catch (RuntimeException e) {
      sink.close();
      throw e;
    }
    replicator.thread.start();
    return replicator;
  }

  private void run(Follower.Until until) {
    try (sink;
        follower) {
      follower.run(until);
      done.complete(null);
    } catch (IncrementException | RuntimeException e) {
      done.completeExceptionally(e);
    } catch (Error e) {
      done.completeExceptionally(e);
      throw e;
    }
  }

  /** Whether it has ended, well or not. */
  public boolean isDone() {
    return done.isDone();
  }

  /**
   * Waits until the replicator has ended.
   *
   * @throws IncrementException what ended it, unless it was closed or had caught up as asked
   */
  public void await() throws IncrementException, InterruptedException {
    try {
      done.handle((nothing, failure) -> nothing).get();
      done.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof IncrementException failure) {
        throw failure;
      }
      throw new IncrementException(
          IncrementException.Code.KAFKA, "the replicator failed: " + e.getCause(), e);
    } catch (java.util.concurrent.ExecutionException e) {
      throw new IllegalStateException("a handled future cannot fail", e);
    }
  }

  /**
   * Stops, within {@code 30 s}; an increment under way is left as it is and applied again next
   * time.
   */
  @Override
  public void close() {
    follower.stop();
    try {
      thread.join(CLOSE.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (thread.isAlive()) {
      LOG.warn("{} did not end within {}", thread.getName(), CLOSE);
    }
  }
}
