package io.blkcast.exporter.increment;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.Callable;
import java.util.concurrent.RejectedExecutionException;

/** A loop on a Vert.x context. */
public final class VertxLoop implements Loop {

  private final Vertx vertx;
  private final Context context;
  private final BlockingPools pools;

  public VertxLoop(Vertx vertx, Context context, BlockingPools pools) {
    this.vertx = vertx;
    this.context = context;
    this.pools = pools;
  }

  @Override
  public void execute(Runnable task) {
    context.runOnContext(ignored -> task.run());
  }

  @Override
  public Timer schedule(Duration delay, Runnable task) {
    long id = vertx.setTimer(Math.max(1, delay.toMillis()), ignored -> execute(task));
    return () -> vertx.cancelTimer(id);
  }

  @Override
  public InstantSource clock() {
    return InstantSource.system();
  }

  @Override
  public <T> Future<T> blocking(Pool pool, Callable<T> work) {
    Promise<T> promise = Promise.promise();
    try {
      pools.execute(
          pool,
          new BlockingPools.Task() {
            @Override
            public void run() {
              try {
                T result = work.call();
                execute(() -> promise.complete(result));
              } catch (Throwable e) {
                execute(() -> promise.fail(e));
              }
            }

            @Override
            public void dropped() {
              execute(() -> promise.fail(new RejectedExecutionException("the pool was closed")));
            }
          });
    } catch (RejectedExecutionException e) {
      execute(() -> promise.fail(e));
    }
    return promise.future();
  }
}
