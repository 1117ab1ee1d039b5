package io.blkcast.exporter.http;

import io.blkcast.exporter.increment.Progress;
import io.blkcast.exporter.increment.VolumeMachine;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Progress as server-sent events (WHATWG HTML, section 9.2): one {@code progress} event at once and
 * one whenever something has changed. A client that reads too slowly misses some in between, and
 * costs no memory; one that reads nothing is dropped.
 */
final class ProgressStream {

  /** Keeps proxies from taking the connection for dead. */
  private static final long HEARTBEAT_MS = 15_000;

  /** Streams at once, so that they leave connections for calls. */
  private static final int MOST_STREAMS = 32;

  /** Heartbeats that may find no room in the socket before the client counts as gone. */
  private static final int MOST_MISSED = 4;

  private final Vertx vertx;
  private final AtomicInteger streams = new AtomicInteger();

  ProgressStream(Vertx vertx) {
    this.vertx = vertx;
  }

  void follow(RoutingContext call, VolumeMachine volume) {
    if (streams.incrementAndGet() > MOST_STREAMS) {
      streams.decrementAndGet();
      ApiServer.fail(call, ApiError.tooManyStreams(MOST_STREAMS));
      return;
    }
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
    AtomicInteger missed = new AtomicInteger();
    long heartbeat =
        vertx.setPeriodic(
            HEARTBEAT_MS,
            ignored -> {
              if (response.closed()) {
                return;
              }
              if (!response.writeQueueFull()) {
                missed.set(0);
                response.write(": still here\n\n");
              } else if (missed.incrementAndGet() >= MOST_MISSED) {
                BoundedServer.cut(call.request().connection());
              }
            });
    call.addEndHandler(
        ignored -> {
          streams.decrementAndGet();
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
