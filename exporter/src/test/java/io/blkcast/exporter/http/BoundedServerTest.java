package io.blkcast.exporter.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.blkcast.exporter.http.BoundedServer.Limits;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A server among clients that take connections, memory and time. */
class BoundedServerTest {

  private static final int CONNECTIONS = 4;
  private static final int LARGE = 4 << 20;
  private static final int WAIT_MILLIS = 60_000;
  private static final int CLOSED = -1;

  private final Vertx vertx = Vertx.vertx();
  private final List<Socket> sockets = new ArrayList<>();
  private final AtomicInteger large = new AtomicInteger();
  private int port;

  @AfterEach
  void end() throws Exception {
    for (Socket socket : sockets) {
      socket.close();
    }
    within(vertx.close());
  }

  private static <T> T within(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(1, TimeUnit.MINUTES);
  }

  private void listen(Duration idle) throws Exception {
    Router router = Router.router(vertx);
    router.route("/quick").handler(call -> call.response().end("quick"));
    router.route("/never").handler(call -> {});
    router
        .route("/late")
        .handler(
            call -> vertx.setTimer(4 * idle.toMillis(), ignored -> call.response().end("late")));
    router
        .route("/large")
        .handler(
            call -> {
              large.incrementAndGet();
              call.response().end(Buffer.buffer(new byte[LARGE]));
            });
    port =
        within(
                BoundedServer.listen(
                    vertx, "test", new Limits(CONNECTIONS, idle), router, 0, "localhost"))
            .actualPort();
  }

  private Socket connect() throws IOException {
    Socket socket = new Socket();
    sockets.add(socket);
    socket.setReceiveBufferSize(16 << 10);
    socket.setSoTimeout(WAIT_MILLIS);
    socket.connect(new InetSocketAddress("localhost", port));
    return socket;
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
  }

  private static String get(String path) {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }

  /** The status of the next answer; {@link #CLOSED} if the connection is closed instead. */
  private static int status(Socket socket) throws IOException {
    StringBuilder line = new StringBuilder();
    try {
      for (int next = socket.getInputStream().read();
          next != '\n';
          next = socket.getInputStream().read()) {
        if (next < 0) {
          return CLOSED;
        }
        line.append((char) next);
      }
    } catch (SocketTimeoutException e) {
      throw e;
    } catch (SocketException e) {
      return CLOSED;
    }
    return Integer.parseInt(line.toString().split(" ")[1]);
  }

  @Test
  void a_silent_connection_is_closed() throws Exception {
    listen(Duration.ofMillis(500));
    assertThat(status(connect())).isEqualTo(CLOSED);
    Socket once = connect();
    send(once, get("/quick"));
    assertThat(status(once)).isEqualTo(200);
    await().until(() -> once.getInputStream().read() < 0);
  }

  @Test
  void a_head_that_trickles_in_is_not_waited_for() throws Exception {
    listen(Duration.ofMillis(1000));
    Socket slow = connect();
    long begun = System.nanoTime();
    boolean open = true;
    send(slow, "GET /quick HTTP/1.1\r\n");
    slow.setSoTimeout(100);
    while (open) {
      assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofMinutes(1));
      try {
        send(slow, "X: y\r\n");
        open = slow.getInputStream().read() >= 0;
      } catch (SocketTimeoutException e) {
        open = true;
      } catch (SocketException e) {
        open = false;
      }
    }
  }

  @Test
  void silent_connections_keep_nobody_out() throws Exception {
    listen(Duration.ofMinutes(10));
    for (int i = 0; i < 4 * CONNECTIONS; i++) {
      connect();
    }
    Socket honest = connect();
    send(honest, get("/quick"));
    assertThat(status(honest)).isEqualTo(200);
    assertThat(status(sockets.get(0))).as("idle longest").isEqualTo(CLOSED);
  }

  @Test
  void where_all_are_busy_the_newcomer_is_closed_at_once() throws Exception {
    listen(Duration.ofMinutes(10));
    for (int i = 0; i < CONNECTIONS; i++) {
      send(connect(), get("/never"));
    }
    await()
        .until(
            () -> {
              Socket newcomer = connect();
              send(newcomer, get("/quick"));
              return status(newcomer) == CLOSED;
            });
    sockets.get(0).close();
    await()
        .until(
            () -> {
              Socket newcomer = connect();
              send(newcomer, get("/quick"));
              return status(newcomer) == 200;
            });
  }

  @Test
  void a_call_may_take_longer_than_a_connection_may_be_idle() throws Exception {
    listen(Duration.ofMillis(500));
    Socket waiting = connect();
    send(waiting, get("/late"));
    assertThat(status(waiting)).isEqualTo(200);
  }

  @Test
  void who_asks_and_takes_no_answers_is_closed_and_costs_little() throws Exception {
    listen(Duration.ofMillis(500));
    Socket greedy = connect();
    send(greedy, get("/large").repeat(200));
    // The kernel does not tell a client that takes nothing; after this time it would be told much.
    Thread.sleep(2_000);
    long taken = 0;
    byte[] buffer = new byte[1 << 20];
    try {
      for (int got = 0; got >= 0; got = greedy.getInputStream().read(buffer)) {
        taken += got;
      }
    } catch (SocketException e) {
      // Reset, as it was not over.
    }
    assertThat(taken).isLessThan(3 * LARGE);
    assertThat(large.get()).isLessThan(10);
  }

  @Test
  void large_heads_and_bodies_are_refused() throws Exception {
    listen(Duration.ofMinutes(10));
    Socket longLine = connect();
    send(longLine, get("/" + "x".repeat(5000)));
    assertThat(status(longLine)).isEqualTo(414);
    Socket headers = connect();
    send(headers, "GET /quick HTTP/1.1\r\nX: " + "x".repeat(9000) + "\r\n\r\n");
    assertThat(status(headers)).isEqualTo(431);
    Socket body = connect();
    send(body, "POST /quick HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
    assertThat(status(body)).isEqualTo(413);
  }
}
