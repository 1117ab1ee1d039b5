package io.blkcast.exporter.http;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.impl.ConnectionBase;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;
import org.slf4j.MarkerFactory;

/**
 * An HTTP server whose clients can take no more than their share of the process: connections,
 * memory and time are bounded.
 *
 * <p>A connection is <em>idle</em> while no request is being answered on it: before its first,
 * while a request's head comes in, and between requests. It may be idle for a limited time, however
 * many bytes trickle in. Where all places are taken, the one that has been idle longest makes room,
 * so that silent connections keep nobody out; only where all are busy is the newcomer closed at
 * once.
 */
final class BoundedServer {

  private static final Logger LOG = LoggerFactory.getLogger(BoundedServer.class);
  private static final Marker PEER = MarkerFactory.getMarker("PEER");

  private static final int MOST_INITIAL_LINE = 4096;
  private static final int MOST_HEADERS = 8192;

  /** Requests have no bodies; what comes in spite of that is dropped unread. */
  private static final long MOST_BODY = 64 << 10;

  /**
   * Bounds of one server.
   *
   * @param connections clients at once
   * @param idle how long a connection may be idle
   */
  record Limits(int connections, Duration idle) {

    /** Of the API: commands, programs, a page or two. */
    static final Limits API = new Limits(256, Duration.ofSeconds(30));

    /** Of health and metrics: a scraper and a few probes. */
    static final Limits MANAGEMENT = new Limits(64, Duration.ofSeconds(30));
  }

  private final Vertx vertx;
  private final String name;
  private final Limits limits;

  /** Timers that end idle connections; those idle longest come first. */
  private final Map<HttpConnection, Long> idle = new LinkedHashMap<>();

  /** Requests that are being answered. */
  private final Map<HttpConnection, Integer> busy = new HashMap<>();

  private BoundedServer(Vertx vertx, String name, Limits limits) {
    this.vertx = vertx;
    this.name = name;
    this.limits = limits;
  }

  /**
   * Listens.
   *
   * @param name of the server, for the log
   * @param router gets a handler more, before all others
   */
  static Future<HttpServer> listen(
      Vertx vertx, String name, Limits limits, Router router, int port, String host) {
    BoundedServer bounds = new BoundedServer(vertx, name, limits);
    router.route().order(Integer.MIN_VALUE).handler(bounds::begin);
    // HTTP/2 in clear has a connection wait for its first bytes, uncounted, and nobody asks for it.
    HttpServerOptions options =
        new HttpServerOptions()
            .setHttp2ClearTextEnabled(false)
            .setMaxInitialLineLength(MOST_INITIAL_LINE)
            .setMaxHeaderSize(MOST_HEADERS)
            .setTcpKeepAlive(true);
    return vertx
        .createHttpServer(options)
        .connectionHandler(bounds::connected)
        .requestHandler(router)
        .listen(port, host);
  }

  private void connected(HttpConnection connection) {
    connection.closeHandler(ignored -> gone(connection));
    if (admit(connection)) {
      return;
    }
    LOG.warn(
        PEER,
        "{} turned away client {}: all {} connections are busy",
        name,
        connection.remoteAddress(),
        limits.connections());
    cut(connection);
  }

  private synchronized boolean admit(HttpConnection connection) {
    if (idle.size() + busy.size() >= limits.connections()) {
      Iterator<HttpConnection> longest = idle.keySet().iterator();
      if (!longest.hasNext()) {
        return false;
      }
      HttpConnection leaving = longest.next();
      LOG.warn(
          PEER,
          "{} closed the idle connection of {}: all {} places are taken",
          name,
          leaving.remoteAddress(),
          limits.connections());
      gone(leaving);
      cut(leaving);
    }
    rest(connection);
    return true;
  }

  /** The connection is idle from now on. */
  private synchronized void rest(HttpConnection connection) {
    long timer = vertx.setTimer(limits.idle().toMillis(), ignored -> endIdle(connection));
    idle.put(connection, timer);
  }

  private synchronized void endIdle(HttpConnection connection) {
    if (idle.remove(connection) != null) {
      cut(connection);
    }
  }

  private synchronized void gone(HttpConnection connection) {
    Long timer = idle.remove(connection);
    if (timer != null) {
      vertx.cancelTimer(timer);
    }
    busy.remove(connection);
  }

  private void begin(RoutingContext call) {
    HttpConnection connection = call.request().connection();
    if (call.response().writeQueueFull()) {
      LOG.warn(
          PEER,
          "{} closed the connection of {}: it asks and does not take the answers",
          name,
          connection.remoteAddress());
      cut(connection);
      return;
    }
    if (!work(connection)) {
      // Its place was given to another while the request came in.
      cut(connection);
      return;
    }
    // Not when it is sent: a client that does not take it would be busy for ever.
    call.addBodyEndHandler(ignored -> answered(connection));
    if (bodyOf(call) > MOST_BODY) {
      call.response().putHeader("connection", "close");
      ApiServer.fail(call, ApiError.bodyTooLarge(MOST_BODY));
    } else {
      call.next();
    }
  }

  private static long bodyOf(RoutingContext call) {
    String length = call.request().getHeader("content-length");
    try {
      return length == null ? 0 : Long.parseLong(length.strip());
    } catch (NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }

  private synchronized boolean work(HttpConnection connection) {
    Long timer = idle.remove(connection);
    if (timer != null) {
      vertx.cancelTimer(timer);
    } else if (!busy.containsKey(connection)) {
      return false;
    }
    busy.merge(connection, 1, Integer::sum);
    return true;
  }

  private synchronized void answered(HttpConnection connection) {
    Integer left = busy.computeIfPresent(connection, (ignored, count) -> count - 1);
    if (left != null && left == 0) {
      busy.remove(connection);
      rest(connection);
    }
  }

  /** Closes at once: a peer that takes nothing would hold up any goodbye. */
  static void cut(HttpConnection connection) {
    ((ConnectionBase) connection).channel().close();
  }
}
