package io.blkcast.exporter.http;

import io.blkcast.exporter.increment.VolumeMachine;
import io.blkcast.exporter.increment.VolumeStatus;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Health and metrics. {@code /livez} is 200 while every volume's loop answers; {@code /readyz}
 * while every volume is tracked and open at Kafka, none is stopped, the brokers answer and signals
 * are listened for. What does not keep the exporter from its work is told as a warning.
 */
public final class ManagementServer {

  private static final int LOOP_ANSWERS_WITHIN_S = 5;

  private final Vertx vertx;
  private final List<VolumeMachine> volumes;
  private final PrometheusMeterRegistry meters;
  private final Map<String, Supplier<Optional<String>>> problems;
  private final Map<String, Supplier<Optional<String>>> warnings;

  /**
   * @param problems by name, what keeps the exporter from its work at this moment, if it does
   * @param warnings likewise, what is wrong beside: a volume that is open needs no schema registry
   *     any more, for instance
   */
  public ManagementServer(
      Vertx vertx,
      List<VolumeMachine> volumes,
      PrometheusMeterRegistry meters,
      Map<String, Supplier<Optional<String>>> problems,
      Map<String, Supplier<Optional<String>>> warnings) {
    this.vertx = vertx;
    this.volumes = volumes;
    this.meters = meters;
    this.problems = new TreeMap<>(problems);
    this.warnings = new TreeMap<>(warnings);
  }

  /**
   * Listens.
   *
   * @param port 0 lets the system choose
   */
  public Future<HttpServer> listen(String host, int port) {
    Router router = Router.router(vertx);
    router.get("/livez").handler(this::live);
    router.get("/readyz").handler(this::ready);
    router.get("/metrics").handler(this::metrics);
    router.errorHandler(
        404, call -> ApiServer.fail(call, ApiError.noSuchPath(call.request().path())));
    return BoundedServer.listen(
        vertx, "management", BoundedServer.Limits.MANAGEMENT, router, port, host);
  }

  private void live(RoutingContext call) {
    Context context = vertx.getOrCreateContext();
    Future.all(volumes.stream().map(VolumeMachine::settled).toList())
        .timeout(LOOP_ANSWERS_WITHIN_S, TimeUnit.SECONDS)
        .onComplete(
            answered ->
                context.runOnContext(
                    ignored ->
                        ApiServer.reply(
                            call,
                            answered.succeeded() ? 200 : 503,
                            new JsonObject().put("live", answered.succeeded()))));
  }

  private void ready(RoutingContext call) {
    JsonObject reasons = new JsonObject();
    for (VolumeMachine volume : volumes) {
      VolumeStatus status = volume.monitor().progress().status();
      boolean stopped = status == VolumeStatus.FAILED || status == VolumeStatus.FENCED;
      if (stopped || !volume.monitor().isUsable()) {
        reasons.put(
            "volume " + volume.volume(),
            volume
                .monitor()
                .progress()
                .lastError()
                .map(failure -> status + ": " + failure.message())
                .orElse(status.name()));
      }
    }
    tell(problems, reasons);
    JsonObject beside = new JsonObject();
    tell(warnings, beside);
    ApiServer.reply(
        call,
        reasons.isEmpty() ? 200 : 503,
        new JsonObject()
            .put("ready", reasons.isEmpty())
            .put("reasons", reasons)
            .put("warnings", beside));
  }

  private static void tell(Map<String, Supplier<Optional<String>>> from, JsonObject to) {
    from.forEach((name, now) -> now.get().ifPresent(problem -> to.put(name, problem)));
  }

  /** Gauges read files and queues, so not on the event loop. */
  private void metrics(RoutingContext call) {
    vertx
        .executeBlocking(() -> meters.scrape())
        .onComplete(
            text -> {
              if (text.succeeded()) {
                call.response()
                    .putHeader("content-type", "text/plain; version=0.0.4; charset=utf-8")
                    .end(text.result());
              } else {
                ApiServer.fail(call, ApiError.internal());
              }
            });
  }
}
