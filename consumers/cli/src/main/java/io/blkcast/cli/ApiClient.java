package io.blkcast.cli;

import io.blkcast.log.Printable;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Calls the exporter's API. */
final class ApiClient {

  private static final Duration CONNECT = Duration.ofSeconds(5);
  private static final Duration ANSWER = Duration.ofSeconds(30);

  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECT).build();
  private final String base;
  private final Optional<String> token;

  ApiClient(String base, Optional<String> token) throws CommandException {
    this.token = token;
    if (!base.startsWith("http://") && !base.startsWith("https://")) {
      throw new CommandException(
          CommandException.USAGE,
          "--api: '" + base + "' is not a URL; write for instance http://127.0.0.1:8080");
    }
    this.base = base.replaceAll("/+$", "") + "/api/v1/volumes";
  }

  /** Names of all volumes, or those given. */
  List<String> volumes(List<String> given) throws CommandException {
    if (!given.isEmpty()) {
      return given;
    }
    JsonArray all = get("").getJsonArray("volumes");
    return all.stream().map(volume -> ((JsonObject) volume).getString("name")).toList();
  }

  static String path(String volume) {
    return "/" + URLEncoder.encode(volume, StandardCharsets.UTF_8).replace("+", "%20");
  }

  JsonObject get(String path) throws CommandException {
    return now(request(path).timeout(ANSWER).GET().build());
  }

  JsonObject post(String path) throws CommandException {
    return now(request(path).timeout(ANSWER).POST(BodyPublishers.noBody()).build());
  }

  /** A call that may take as long as an increment; fails with a CommandException. */
  CompletableFuture<JsonObject> postAndWait(String path) {
    HttpRequest request = request(path).POST(BodyPublishers.noBody()).build();
    return http.sendAsync(request, BodyHandlers.ofString())
        .handle(
            (response, failure) -> {
              try {
                if (failure != null) {
                  throw unreachable(failure);
                }
                return body(response);
              } catch (CommandException e) {
                throw new CompletionException(e);
              }
            });
  }

  /** Hands over the data of server-sent events until the stream ends. */
  void follow(String path, Consumer<JsonObject> events) throws CommandException {
    HttpRequest request = request(path).header("accept", "text/event-stream").GET().build();
    try {
      HttpResponse<Stream<String>> response = http.send(request, BodyHandlers.ofLines());
      try (Stream<String> lines = response.body()) {
        if (response.statusCode() != 200) {
          throw refused(response.statusCode(), String.join("", lines.toList()));
        }
        lines
            .filter(line -> line.startsWith("data: "))
            .forEach(line -> events.accept(new JsonObject(line.substring(6))));
      }
    } catch (IOException e) {
      throw unreachable(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private JsonObject now(HttpRequest request) throws CommandException {
    try {
      return body(http.send(request, BodyHandlers.ofString()));
    } catch (IOException e) {
      throw unreachable(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CommandException(CommandException.FAILED, "interrupted");
    }
  }

  private JsonObject body(HttpResponse<String> response) throws CommandException {
    if (response.statusCode() >= 300) {
      throw refused(response.statusCode(), response.body());
    }
    try {
      return new JsonObject(response.body());
    } catch (DecodeException e) {
      throw new CommandException(
          CommandException.FAILED, base + " does not speak like an exporter's API: not JSON");
    }
  }

  private CommandException refused(int status, String body) {
    try {
      JsonObject error = new JsonObject(body);
      return new CommandException(
          CommandException.FAILED,
          Printable.text(error.getString("message") + " (" + error.getString("remedy") + ")"));
    } catch (DecodeException e) {
      return new CommandException(CommandException.FAILED, base + " answers with status " + status);
    }
  }

  private CommandException unreachable(Throwable failure) {
    return new CommandException(
        CommandException.UNREACHABLE,
        base
            + " does not answer: "
            + failure
            + "; is the exporter running? --api names another address");
  }

  private HttpRequest.Builder request(String path) {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path));
    token.ifPresent(known -> request.header("Authorization", "Bearer " + known));
    return request;
  }
}
