package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Context;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LibcTest {

  private interface Call {
    void run() throws Exception;
  }

  /** What the call throws, run on an event loop or in a thread for what blocks. */
  private static Throwable thrown(Call call, boolean onEventLoop) throws Exception {
    Vertx vertx = Vertx.vertx();
    try {
      Promise<Throwable> result = Promise.promise();
      Runnable task =
          () -> {
            try {
              call.run();
              result.complete(new AssertionError("threw nothing"));
            } catch (Exception e) {
              result.complete(e);
            }
          };
      Context context = vertx.getOrCreateContext();
      if (onEventLoop) {
        context.runOnContext(ignored -> task.run());
      } else {
        Thread thread = new Thread(task, "test-blocking");
        thread.start();
        thread.join();
      }
      return result.future().toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
    } finally {
      vertx.close().toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void no_system_call_runs_on_an_event_loop() throws Exception {
    ByteBuffer argument = Abi.argument(8);
    for (Call call :
        java.util.List.<Call>of(
            () -> Libc.open("/nowhere", Libc.O_RDONLY, "open"),
            () -> Libc.ioctl(-1, Abi.VERSION, argument, "ask"),
            () -> Libc.preadv(-1, java.util.List.of(argument), 0, 0, "read"),
            () -> new ControlDevice().close())) {
      assertThat(thrown(call, true))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("would block the event loop");
      assertThat(thrown(call, false)).isInstanceOf(ErrnoException.class);
    }
  }
}
