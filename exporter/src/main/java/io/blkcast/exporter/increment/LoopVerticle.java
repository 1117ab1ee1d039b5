package io.blkcast.exporter.increment;

import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A verticle whose context is the loop of one thing: a volume, or a group of them.
 *
 * @param <T> what lives on the loop
 */
public final class LoopVerticle<T> extends VerticleBase {

  private final BlockingPools pools;
  private final Function<Loop, T> factory;
  private final Function<T, Future<Void>> closer;
  private final Duration closeLimit;
  private @Nullable T inhabitant;

  /**
   * @param factory makes what lives on the loop
   * @param closer ends it when the verticle is undeployed
   * @param closeLimit how long that may take; after it the loop ends all the same, since blocking
   *     work that never returns would keep it for good
   */
  public LoopVerticle(
      BlockingPools pools,
      Function<Loop, T> factory,
      Function<T, Future<Void>> closer,
      Duration closeLimit) {
    this.pools = pools;
    this.factory = factory;
    this.closer = closer;
    this.closeLimit = closeLimit;
  }

  @Override
  public Future<?> start() {
    inhabitant = factory.apply(new VertxLoop(vertx, context, pools));
    return Future.succeededFuture();
  }

  /**
   * What lives on the loop.
   *
   * @throws IllegalStateException before the verticle is deployed
   */
  public T inhabitant() {
    if (inhabitant == null) {
      throw new IllegalStateException("not deployed");
    }
    return inhabitant;
  }

  @Override
  public Future<?> stop() {
    return inhabitant == null
        ? Future.succeededFuture()
        : closer
            .apply(inhabitant)
            .timeout(closeLimit.toMillis(), TimeUnit.MILLISECONDS)
            .otherwiseEmpty();
  }
}
