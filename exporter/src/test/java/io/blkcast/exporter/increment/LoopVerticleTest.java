package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LoopVerticleTest {

  private final Vertx vertx = Vertx.vertx();
  private final BlockingPools pools = new BlockingPools(1, 1, new SimpleMeterRegistry());
  private final CountDownLatch never = new CountDownLatch(1);

  @AfterEach
  void end() throws Exception {
    never.countDown();
    pools.close();
    within(vertx.close());
  }

  private static <T> T within(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(1, TimeUnit.MINUTES);
  }

  /** As a read of a disk that does not answer: no interrupt ends it. */
  private boolean hang() {
    while (never.getCount() > 0) {
      try {
        never.await();
      } catch (InterruptedException e) {
        // not for us
      }
    }
    return true;
  }

  @Test
  void event_loops_end_though_work_of_a_loop_never_does() throws Exception {
    LoopVerticle<Loop> verticle =
        new LoopVerticle<>(
            pools,
            loop -> loop,
            loop -> loop.perform(Pool.READ, this::hang),
            Duration.ofMillis(100));
    within(vertx.deployVerticle(verticle));
    within(vertx.close());
  }

  private Loop loop() throws Exception {
    LoopVerticle<Loop> verticle =
        new LoopVerticle<>(
            pools, loop -> loop, loop -> Future.succeededFuture(), Duration.ofMinutes(1));
    within(vertx.deployVerticle(verticle));
    return verticle.inhabitant();
  }

  /** Returns when so many reads hang. */
  private void hang(Loop loop, int reads) throws Exception {
    CountDownLatch hanging = new CountDownLatch(reads);
    for (int i = 0; i < reads; i++) {
      loop.perform(
          Pool.READ,
          () -> {
            hanging.countDown();
            hang();
          });
    }
    assertThat(hanging.await(1, TimeUnit.MINUTES)).isTrue();
  }

  @Test
  void a_volume_under_pressure_whose_reads_hang_leaves_the_others_some() throws Exception {
    Loop loop = loop();
    hang(loop, BackpressurePolicy.Pressure.CRITICAL.haste());
    within(loop.perform(Pool.READ, () -> {}));
  }

  @Test
  void work_that_a_closed_pool_never_came_to_fails() throws Exception {
    Loop loop = loop();
    hang(loop, BackpressurePolicy.Pressure.CRITICAL.haste() + 1);
    Future<Void> waiting = loop.perform(Pool.READ, () -> {});
    pools.close();
    assertThatThrownBy(() -> within(waiting))
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(RejectedExecutionException.class);
  }
}
