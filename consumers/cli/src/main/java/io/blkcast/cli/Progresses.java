package io.blkcast.cli;

import io.blkcast.log.Printable;
import io.vertx.core.json.JsonObject;
import java.util.Locale;

/** Puts the API's progress into words and bars, with nothing in them that a terminal obeys. */
final class Progresses {

  private static final int BAR = 24;

  private Progresses() {}

  /** One line: name, state, bar where there is something to show. */
  static String line(JsonObject progress) {
    StringBuilder line = new StringBuilder();
    line.append(progress.getString("volume")).append("  ");
    String status = progress.getString("status");
    String state = progress.getString("state");
    line.append("ACTIVE".equals(status) ? state : status + " " + state);
    long total = progress.getLong("bytesTotal");
    if (total > 0) {
      long done = progress.getLong("bytesDone");
      int filled = (int) (BAR * done / total);
      line.append("  [")
          .append("#".repeat(filled))
          .append(".".repeat(BAR - filled))
          .append(String.format(Locale.ROOT, "] %3d%%  ", 100 * done / total))
          .append(Text.bytes(done))
          .append(" of ")
          .append(Text.bytes(total))
          .append("  ")
          .append(Text.bytes(progress.getLong("bytesPerSecond")))
          .append("/s");
      Long left = progress.getLong("remainingSeconds");
      if (left != null) {
        line.append("  ").append(Text.seconds(left)).append(" left");
      }
    }
    if (progress.containsKey("retryAt")) {
      line.append("  failed: ")
          .append(progress.getJsonObject("lastError", new JsonObject()).getString("message"))
          .append("; again at ")
          .append(progress.getString("retryAt"));
    }
    return Printable.text(line.toString());
  }

  /** Several lines: all that is known of a volume. */
  static String page(JsonObject volume) {
    JsonObject progress = volume.getJsonObject("progress");
    StringBuilder page = new StringBuilder();
    String name = Printable.text(volume.getString("name"));
    row(page, name, line(progress).substring(name.length() + 2));
    row(page, "  usable", Boolean.TRUE.equals(volume.getBoolean("usable")) ? "yes" : "no");
    row(
        page,
        "  source",
        volume.getJsonObject("source", new JsonObject()).getString("description", "unknown"));
    row(page, "  last committed", progress.getString("committedAt", "never"));
    if (progress.containsKey("committedId")) {
      row(page, "  increment", progress.getString("committedId"));
    }
    if (progress.containsKey("nextAt")) {
      row(page, "  next", progress.getString("nextAt"));
    }
    JsonObject storage = volume.getJsonObject("differenceStorage");
    if (storage != null) {
      row(
          page,
          "  difference storage",
          Text.bytes(storage.getLong("usedBytes"))
              + " of "
              + Text.bytes(storage.getLong("limitBytes"))
              + (storage.containsKey("secondsUntilFull")
                  ? ", full in " + Text.seconds(storage.getLong("secondsUntilFull"))
                  : ""));
    }
    JsonObject error = progress.getJsonObject("lastError");
    if (error != null) {
      row(
          page,
          "  last error",
          error.getString("code")
              + ": "
              + error.getString("message")
              + " at "
              + error.getString("at"));
    }
    return page.toString();
  }

  private static void row(StringBuilder page, String name, String value) {
    page.append(String.format(Locale.ROOT, "%-22s%s%n", name, Printable.text(value)));
  }
}
