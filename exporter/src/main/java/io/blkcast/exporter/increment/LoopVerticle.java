package io.blkcast.exporter.increment;

import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
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
  private @Nullable T inhabitant;

  /**
   * @param factory makes what lives on the loop
   * @param closer ends it when the verticle is undeployed
   */
  public LoopVerticle(
      BlockingPools pools, Function<Loop, T> factory, Function<T, Future<Void>> closer) {
    this.pools = pools;
    this.factory = factory;
    this.closer = closer;
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
    return inhabitant == null ? Future.succeededFuture() : closer.apply(inhabitant);
  }
}
