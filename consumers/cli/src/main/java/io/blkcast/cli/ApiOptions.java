package io.blkcast.cli;

import io.blkcast.log.Printable;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where the exporter's API is, and how to print what it says. */
final class ApiOptions {

  @Option(
      names = "--api",
      paramLabel = "URL",
      defaultValue = "${env:BLKCAST_API:-http://127.0.0.1:8080}",
      description = "The exporter's API. Default: ${DEFAULT-VALUE}")
  String api = "http://127.0.0.1:8080";

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      defaultValue = "${env:BLKCAST_TOKEN_FILE}",
      description = "File whose first line is a bearer token, where the API asks for one.")
  private @Nullable Path tokenFile;

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
      out.println(Printable.lines(new JsonObject().put("volumes", results).encodePrettily()));
    }
    out.flush();
    return CommandException.OK;
  }

  ApiClient client() throws CommandException {
    return new ApiClient(api, token());
  }

  private Optional<String> token() throws CommandException {
    if (tokenFile == null || tokenFile.toString().isEmpty()) {
      return Optional.empty();
    }
    String problem;
    try {
      String token = Files.readString(tokenFile).lines().findFirst().orElse("").strip();
      if (token.matches("[\\x21-\\x7e]+")) {
        return Optional.of(token);
      }
      problem = "its first line is no token: one word of ASCII";
    } catch (IOException e) {
      problem = e.toString();
    }
    throw new CommandException(
        CommandException.USAGE, "--token-file: " + tokenFile + ": " + problem);
  }
}
