package io.blkcast.cli;

import io.blkcast.log.Printable;
import io.blkcast.log.Terminal;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What {@code increment} and {@code resync} have in common: ask, watch, report. */
final class TakeOptions {

  private static final long REDRAW_MS = 200;

  @Mixin private ApiOptions options = new ApiOptions();

  @Option(names = "--no-wait", description = "Ask for it, and do not wait until it is committed.")
  private boolean noWait;

  int take(List<String> volumes, String what, PrintWriter out) throws CommandException {
    ApiClient client = options.client();
    List<String> all = client.volumes(volumes);
    JsonArray results = new JsonArray();
    if (noWait) {
      for (String volume : all) {
        results.add(client.post(ApiClient.path(volume) + what));
      }
    } else {
      waitFor(client, all, what, out, results);
    }
    if (options.json) {
      out.println(Printable.lines(new JsonObject().put("volumes", results).encodePrettily()));
    }
    out.flush();
    return CommandException.OK;
  }

  private void waitFor(
      ApiClient client, List<String> volumes, String what, PrintWriter out, JsonArray results)
      throws CommandException {
    Map<String, CompletableFuture<JsonObject>> calls = new LinkedHashMap<>();
    volumes.forEach(
        volume ->
            calls.put(volume, client.postAndWait(ApiClient.path(volume) + what + "?wait=true")));
    ProgressBars bars = new ProgressBars(!options.json && Terminal.isAnimated());
    try {
      while (!CompletableFuture.allOf(calls.values().toArray(CompletableFuture[]::new)).isDone()) {
        bars.draw(client, calls);
        Thread.sleep(REDRAW_MS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      bars.clear();
    }
    CommandException failure = null;
    for (CompletableFuture<JsonObject> call : calls.values()) {
      try {
        JsonObject committed = call.join();
        results.add(committed);
        if (!options.json) {
          out.println(line(committed));
        }
      } catch (CompletionException e) {
        failure = worse(failure, e);
      }
    }
    if (failure != null) {
      out.flush();
      throw failure;
    }
  }

  private static CommandException worse(@Nullable CommandException first, CompletionException e) {
    CommandException next =
        e.getCause() instanceof CommandException known
            ? known
            : new CommandException(CommandException.FAILED, String.valueOf(e.getCause()));
    return first == null
        ? next
        : new CommandException(
            Math.max(first.status(), next.status()),
            first.getMessage() + System.lineSeparator() + next.getMessage());
  }

  private static String line(JsonObject committed) {
    return committed.getString("volume")
        + "  "
        + committed.getString("kind")
        + " "
        + committed.getString("incrementId")
        + "  "
        + Text.bytes(committed.getLong("changedBytes"))
        + " changed, "
        + Text.bytes(committed.getLong("payloadBytes"))
        + " sent";
  }
}
