package io.blkcast.exporter.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine.Option;

/** Where the exporter's API is, and how to print what it says. */
final class ApiOptions {

  @Option(
      names = "--api",
      paramLabel = "URL",
      defaultValue = "${env:BLKCAST_API:-http://127.0.0.1:8080}",
      description = "The exporter's API. Default: ${DEFAULT-VALUE}")
  String api = "http://127.0.0.1:8080";

  @Option(names = "--json", description = "Print JSON, as the API gives it.")
  boolean json;

  /** Posts to each volume, and reports what it is like afterwards. */
  int each(List<String> volumes, String what, PrintWriter out) throws CommandException {
    ApiClient client = client();
    JsonArray results = new JsonArray();
    for (String volume : volumes) {
      JsonObject after = client.post(ApiClient.path(volume) + what);
      results.add(after);
      if (!json) {
        out.println(Progresses.line(after.getJsonObject("progress")));
      }
    }
    if (json) {
      out.println(new JsonObject().put("volumes", results).encodePrettily());
    }
    out.flush();
    return CommandException.OK;
  }

  ApiClient client() throws CommandException {
    return new ApiClient(api);
  }
}
