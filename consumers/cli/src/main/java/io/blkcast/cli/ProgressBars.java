package io.blkcast.cli;

import io.blkcast.log.Printable;
import io.vertx.core.json.JsonObject;
import java.io.PrintStream;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** A bar a volume on standard error, drawn over and over; nothing where it is no terminal. */
final class ProgressBars {

  private static final String UP = "\u001b[1A";
  private static final String ERASE = "\r\u001b[2K";

  private final boolean terminal;
  private final PrintStream out = System.err;
  private int drawn;

  ProgressBars(boolean terminal) {
    this.terminal = terminal;
  }

  void draw(ApiClient client, Map<String, CompletableFuture<JsonObject>> calls) {
    if (!terminal) {
      return;
    }
    StringBuilder frame = new StringBuilder(UP.repeat(drawn));
    for (Map.Entry<String, CompletableFuture<JsonObject>> call : calls.entrySet()) {
      frame.append(ERASE).append(line(client, call.getKey(), call.getValue())).append('\n');
    }
    drawn = calls.size();
    out.print(frame);
    out.flush();
  }

  private static String line(ApiClient client, String volume, CompletableFuture<?> call) {
    if (call.isDone()) {
      return volume + "  done";
    }
    try {
      return Progresses.line(client.get(ApiClient.path(volume) + "/progress"));
    } catch (CommandException e) {
      return volume + "  " + Printable.text(String.valueOf(e.getMessage()));
    }
  }

  /** Takes the bars away again. */
  void clear() {
    if (terminal && drawn > 0) {
      out.print((UP + ERASE).repeat(drawn));
      out.flush();
      drawn = 0;
    }
  }
}
