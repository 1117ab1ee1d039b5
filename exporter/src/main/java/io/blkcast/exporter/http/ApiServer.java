package io.blkcast.exporter.http;

import io.blkcast.exporter.increment.Trigger;
import io.blkcast.exporter.increment.VolumeMachine;
import io.vertx.core.AsyncResult;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.HostAndPort;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;
import org.slf4j.MarkerFactory;

/**
 * The API that {@code openapi.yaml} describes. Holds no state of its own and never waits: volumes
 * are asked on their own loops.
 */
public final class ApiServer {

  private static final Logger LOG = LoggerFactory.getLogger(ApiServer.class);
  private static final Marker PEER = MarkerFactory.getMarker("PEER");

  private static final String BASE = "/api/v1/volumes";
  private static final String ONE = BASE + "/:volume";

  /** Addresses, and names without a dot such as localhost, which no stranger can own. */
  private static final Pattern NO_FOREIGN_NAME = Pattern.compile("\\[.*]|[0-9.]+|[^.]+");

  private final Vertx vertx;
  private final List<VolumeMachine> volumes;
  private final Optional<Path> tokens;
  private final ProgressStream stream;

  /**
   * @param tokens file of bearer tokens; without one everybody who reaches the port is let in
   */
  public ApiServer(Vertx vertx, List<VolumeMachine> volumes, Optional<Path> tokens) {
    this.vertx = vertx;
    this.tokens = tokens;
    this.volumes = volumes;
    this.stream = new ProgressStream(vertx);
  }

  /**
   * Listens.
   *
   * @param port 0 lets the system choose
   */
  public Future<HttpServer> listen(String host, int port) {
    Future<Handler<RoutingContext>> guard =
        tokens
            .map(file -> TokenFile.watch(vertx, file).<Handler<RoutingContext>>map(t -> t::check))
            .orElseGet(() -> Future.succeededFuture(call -> refuseForeignNames(call, host)));
    return guard.compose(
        checked ->
            Documents.read(vertx)
                .compose(
                    openapi ->
                        BoundedServer.listen(
                            vertx,
                            "API",
                            BoundedServer.Limits.API,
                            router(openapi, checked),
                            port,
                            host)));
  }

  private Router router(Buffer openapi, Handler<RoutingContext> guard) {
    Router router = Router.router(vertx);
    router.route().handler(ApiServer::refuseForeignOrigins);
    router
        .get("/openapi.yaml")
        .handler(
            call ->
                call.response().putHeader("content-type", "application/yaml").end(openapi.copy()));
    // What stands above is public, what stands below is not.
    router.route().handler(guard);
    router.get(BASE).handler(call -> reply(call, 200, Views.volumes(volumes)));
    on(router, HttpMethod.GET, ONE, (call, volume) -> reply(call, 200, Views.volume(volume)));
    on(
        router,
        HttpMethod.GET,
        ONE + "/increments",
        (call, volume) -> reply(call, 200, Views.history(volume.monitor().history())));
    on(
        router,
        HttpMethod.POST,
        ONE + "/increments",
        (call, volume) -> request(call, volume, false));
    on(router, HttpMethod.POST, ONE + "/resync", (call, volume) -> request(call, volume, true));
    on(
        router,
        HttpMethod.POST,
        ONE + "/pause",
        (call, volume) -> afterwards(call, volume, volume.pause()));
    on(
        router,
        HttpMethod.POST,
        ONE + "/resume",
        (call, volume) -> afterwards(call, volume, volume.resume()));
    on(
        router,
        HttpMethod.GET,
        ONE + "/progress",
        (call, volume) -> reply(call, 200, Views.progress(volume.monitor().progress())));
    on(router, HttpMethod.GET, ONE + "/progress/stream", stream::follow);
    router.errorHandler(404, call -> fail(call, ApiError.noSuchPath(call.request().path())));
    router.errorHandler(
        405,
        call ->
            fail(
                call, ApiError.wrongMethod(call.request().method().name(), call.request().path())));
    router.errorHandler(
        500,
        call -> {
          LOG.error(
              PEER, "{} {} failed", call.request().method(), call.request().path(), call.failure());
          fail(call, ApiError.internal());
        });
    return router;
  }

  private void on(
      Router router,
      HttpMethod method,
      String path,
      BiConsumer<RoutingContext, VolumeMachine> action) {
    router
        .route(method, path)
        .handler(
            call -> {
              String name = call.pathParam("volume");
              VolumeMachine.find(volumes, name)
                  .ifPresentOrElse(
                      volume -> action.accept(call, volume),
                      () -> fail(call, ApiError.unknownVolume(name)));
            });
  }

  /**
   * Without {@code wait} the answer comes as soon as the request is known not to be refused at
   * once; with it, when an increment is committed.
   */
  private void request(RoutingContext call, VolumeMachine volume, boolean resync) {
    var committed = volume.request(Trigger.CALL, resync);
    if ("true".equals(call.request().getParam("wait"))) {
      here(
          committed,
          result -> {
            if (result.succeeded()) {
              reply(call, 200, Views.committed(result.result()));
            } else {
              fail(call, ApiError.of(result.cause()));
            }
          });
      return;
    }
    here(
        volume.settled(),
        ignored -> {
          if (committed.failed()) {
            fail(call, ApiError.of(committed.cause()));
          } else {
            reply(call, 202, Views.volume(volume));
          }
        });
  }

  private void afterwards(RoutingContext call, VolumeMachine volume, Future<Void> done) {
    here(
        done,
        result -> {
          if (result.succeeded()) {
            reply(call, 200, Views.volume(volume));
          } else {
            fail(call, ApiError.of(result.cause()));
          }
        });
  }

  /** Futures of volumes complete on their loops; replies are made on the connection's. */
  private <T> void here(Future<T> future, Handler<AsyncResult<T>> then) {
    Context context = vertx.getOrCreateContext();
    future.onComplete(result -> context.runOnContext(ignored -> then.handle(result)));
  }

  /**
   * Keeps web pages of other sites from driving an API on loopback through the user's browser;
   * programs send no Origin.
   */
  private static void refuseForeignOrigins(RoutingContext call) {
    String origin = call.request().getHeader("origin");
    String host = call.request().getHeader("host");
    if (origin != null && !sameHost(origin, host == null ? "" : host)) {
      fail(call, ApiError.foreignOrigin(origin));
    } else {
      call.next();
    }
  }

  private static boolean sameHost(String origin, String host) {
    try {
      return host.equals(URI.create(origin).getAuthority());
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /**
   * Keeps a web page from having the name of its own site resolve to this machine: to a browser the
   * API is then of the page's origin. Where tokens are asked for, such a page has none.
   */
  private static void refuseForeignNames(RoutingContext call, String listening) {
    HostAndPort called = call.request().authority();
    if (called != null
        && !called.host().equalsIgnoreCase(listening)
        && !NO_FOREIGN_NAME.matcher(called.host()).matches()) {
      fail(call, ApiError.foreignName(called.host()));
    } else {
      call.next();
    }
  }

  static void reply(RoutingContext call, int status, JsonObject body) {
    if (!call.response().ended() && !call.response().closed()) {
      call.response()
          .setStatusCode(status)
          .putHeader("content-type", "application/json")
          .putHeader("cache-control", "no-store")
          .end(body.toBuffer());
    }
  }

  static void fail(RoutingContext call, ApiError error) {
    reply(call, error.status(), error.json());
  }
}
