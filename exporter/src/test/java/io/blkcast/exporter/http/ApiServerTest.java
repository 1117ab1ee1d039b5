package io.blkcast.exporter.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiServerTest {

  private static final int FORBIDDEN = 403;
  private static final int NO_SUCH_VOLUME = 404;

  private final Vertx vertx = Vertx.vertx();
  private int port;

  @AfterEach
  void end() throws Exception {
    within(vertx.close());
  }

  private static <T> T within(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(1, TimeUnit.MINUTES);
  }

  private void listen(String host, Optional<Path> tokens) throws Exception {
    port = within(new ApiServer(vertx, List.of(), tokens).listen(host, 0)).actualPort();
  }

  /** Status of a call of the name, as a browser or program makes it. */
  private int post(String host, String... headers) throws IOException {
    try (Socket socket = new Socket("localhost", port)) {
      socket.setSoTimeout(60_000);
      String request =
          "POST /api/v1/volumes/none/pause HTTP/1.1\r\nHost: %s\r\n%sContent-Length: 0\r\n\r\n"
              .formatted(host, headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n");
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      BufferedReader answer =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      return Integer.parseInt(answer.readLine().split(" ")[1]);
    }
  }

  @Test
  void a_web_page_whose_own_name_resolves_to_this_machine_is_refused() throws Exception {
    listen("localhost", Optional.empty());
    assertThat(post("evil.example:8080", "Origin: http://evil.example:8080")).isEqualTo(FORBIDDEN);
    assertThat(post("evil.example")).as("with or without an origin").isEqualTo(FORBIDDEN);
    assertThat(post("127.0.0.1.evil.example")).isEqualTo(FORBIDDEN);
    assertThat(post("localhost:8080", "Origin: http://evil.example")).isEqualTo(FORBIDDEN);
  }

  @Test
  void addresses_and_names_of_this_machine_are_answered() throws Exception {
    listen("localhost", Optional.empty());
    for (String host : List.of("localhost:8080", "127.0.0.1:8080", "[::1]:8080", "exporter")) {
      assertThat(post(host)).as(host).isEqualTo(NO_SUCH_VOLUME);
      assertThat(post(host, "Origin: http://" + host)).as(host).isEqualTo(NO_SUCH_VOLUME);
    }
  }

  @Test
  void whoever_has_a_token_may_call_by_any_name(@TempDir Path directory) throws Exception {
    String token = "0perator-of-the-api-0123";
    Path tokens = Files.writeString(directory.resolve("tokens"), "operate " + token + "\n");
    listen("localhost", Optional.of(tokens));
    assertThat(post("exporter.example", "Authorization: Bearer " + token))
        .isEqualTo(NO_SUCH_VOLUME);
  }
}
