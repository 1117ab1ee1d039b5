package io.blkcast.exporter.http;

import io.blkcast.exporter.increment.Progress;
import io.blkcast.exporter.increment.VolumeMachine;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;

/**
 * Progress as server-sent events (WHATWG HTML, section 9.2): one {@code progress} event at once and
 * one whenever something has changed. A client that reads too slowly misses some in between, and
 * costs no memory.
 */
final class ProgressStream {

  /** Keeps proxies from taking the connection for dead. */
  private static final long HEARTBEAT_MS = 15_000;

  private final Vertx vertx;

  ProgressStream(Vertx vertx) {
    this.vertx = vertx;
  }

  void follow(RoutingContext call, VolumeMachine volume) {
    HttpServerResponse response = call.response();
    response
        .setChunked(true)
        .putHeader("content-type", "text/event-stream")
        .putHeader("cache-control", "no-store");
    Context context = vertx.getOrCreateContext();
    Runnable end =
        volume
            .monitor()
            .listen(progress -> context.runOnContext(ignored -> send(response, progress)));
    long heartbeat =
        vertx.setPeriodic(
            HEARTBEAT_MS,
            ignored -> {
              if (!response.closed() && !response.writeQueueFull()) {
                response.write(": still here\n\n");
              }
            });
    response.closeHandler(
        ignored -> {
          vertx.cancelTimer(heartbeat);
          end.run();
        });
    send(response, volume.monitor().progress());
  }

  private static void send(HttpServerResponse response, Progress progress) {
    if (!response.closed() && !response.writeQueueFull()) {
      response.write("event: progress\ndata: " + Views.progress(progress).encode() + "\n\n");
    }
  }
}
