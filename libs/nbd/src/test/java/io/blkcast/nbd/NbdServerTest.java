package io.blkcast.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.internal.net.NetSocketInternal;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The server among clients and stores that do not do their part. */
class NbdServerTest {

  private static final int MIB = 1 << 20;
  private static final int CONNECTIONS = 4;

  private final Vertx vertx = Vertx.vertx();
  private final CountDownLatch goesOn = new CountDownLatch(1);
  private NbdServer server;

  @AfterEach
  void close() {
    goesOn.countDown();
    server.close().await();
    vertx.close().await();
  }

  private SocketAddress serve(Duration stallLimit) {
    server = new NbdServer(vertx, new NbdOptions(2, CONNECTIONS, 16 * MIB, 40 * MIB, stallLimit));
    server.export("disk", new MemoryStore(MIB));
    return server.listen(SocketAddress.inetSocketAddress(0, "127.0.0.1")).await();
  }

  /** A store whose reads wait. */
  private BlockStore hanging(CountDownLatch hangs) {
    return new MemoryStore(MIB) {
      @Override
      public void read(long offset, ByteBuffer dst) {
        hangs.countDown();
        try {
          goesOn.await(60, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
        super.read(offset, dst);
      }
    };
  }

  @Test
  void anExportThatHangsKeepsNoOtherFromBeingServed() throws Exception {
    SocketAddress address = serve(Duration.ofSeconds(30));
    CountDownLatch hangs = new CountDownLatch(2);
    server.export("hangs", hanging(hangs));
    try (RawClient stuck = new RawClient(address).use("hangs");
        RawClient other = new RawClient(address).use("disk")) {
      for (int i = 0; i < 64; i++) {
        stuck.read(i, 0, 512);
      }
      assertThat(hangs.await(60, TimeUnit.SECONDS)).as("all its workers wait").isTrue();
      other.read(7, 0, 512);
      assertThat(other.reply(512)).isEqualTo(7);
      assertThat(goesOn.getCount()).isEqualTo(1);
      goesOn.countDown();
      for (int i = 0; i < 64; i++) {
        stuck.reply(512);
      }
    }
  }

  private List<RawClient> fill(SocketAddress address, String export) throws IOException {
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < CONNECTIONS; i++) {
      clients.add(new RawClient(address).use(export));
    }
    return clients;
  }

  private static void close(List<RawClient> clients) throws IOException {
    for (RawClient client : clients) {
      client.close();
    }
  }

  @Test
  void theClientsOfOneExportKeepThoseOfAnotherNotOut() throws Exception {
    SocketAddress address = serve(Duration.ofSeconds(30));
    server.export("other", new MemoryStore(MIB));
    List<RawClient> clients = fill(address, "other");
    try {
      assertThatThrownBy(() -> new RawClient(address).use("other"))
          .as("one more")
          .isInstanceOf(IOException.class);
      assertThat(isServed(address)).isTrue();
      clients.remove(0).close();
      await()
          .ignoreExceptions()
          .until(
              () -> {
                new RawClient(address).use("other").close();
                return true;
              });
    } finally {
      close(clients);
    }
  }

  @Test
  void theMemoryThatOneExportsClientsHoldKeepsThoseOfAnotherNotWaiting() throws Exception {
    SocketAddress address = serve(Duration.ofMinutes(10));
    server.export("other", new MemoryStore(4 * MIB));
    List<RawClient> clients = fill(address, "disk");
    try {
      for (RawClient greedy : clients) {
        // Never goes on; only the first of these is let into memory.
        greedy.write(1, 0, Nbd.MAX_PAYLOAD);
      }
      try (RawClient other = new RawClient(address).use("other")) {
        other.read(7, 0, 2 * MIB);
        assertThat(other.reply(2 * MIB)).isEqualTo(7);
      }
    } finally {
      close(clients);
    }
  }

  @Test
  void aClientThatSendsAWriteByteByByteIsDropped() throws Exception {
    SocketAddress address = serve(Duration.ofMillis(500));
    try (RawClient trickle = new RawClient(address).use("disk")) {
      trickle.write(1, 0, MIB);
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(
              () -> {
                try {
                  trickle.out.write(0);
                } catch (IOException e) {
                  // It is told so.
                }
                return server.connections() == 0;
              });
    }
  }

  @Test
  void aClientThatTakesItsRepliesByteByByteIsDropped() throws Exception {
    SocketAddress address = serve(Duration.ofMillis(500));
    try (RawClient trickle = new RawClient(address).use("disk")) {
      for (int i = 0; i < 64; i++) {
        trickle.read(i, 0, MIB);
      }
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(
              () -> {
                trickle.in.read();
                return server.connections() == 0;
              });
    }
  }

  @Test
  void aSlowButSteadyClientIsNotDropped() throws Exception {
    SocketAddress address = serve(Duration.ofSeconds(2));
    byte[] piece = new byte[MIB / 32];
    try (RawClient slow = new RawClient(address).use("disk")) {
      // Longer than what is looked at.
      slow.write(1, 0, MIB);
      for (int sent = 0; sent < MIB; sent += piece.length) {
        slow.out.write(piece);
        Thread.sleep(300);
      }
      assertThat(slow.reply(0)).isEqualTo(1);
      for (int i = 0; i < 15; i++) {
        slow.read(2, 0, MIB);
      }
      long left = 15 * (16L + MIB);
      for (int waited = 0; waited < 13 * 32; waited++) {
        slow.in.readFully(piece);
        left -= piece.length;
        Thread.sleep(30);
      }
      slow.in.skipNBytes(left);
      slow.read(3, 0, 512);
      assertThat(slow.reply(512)).isEqualTo(3);
    }
  }

  @Test
  void aClientThatCannotBeServedIsToldByTheEnd() throws Exception {
    serve(Duration.ofMinutes(10));
    NetServer front =
        vertx
            .createNetServer()
            .connectHandler(socket -> server.connected(failing((NetSocketInternal) socket)));
    int port = front.listen(0, "127.0.0.1").await().actualPort();
    try (RawClient client = new RawClient(SocketAddress.inetSocketAddress(port, "127.0.0.1"))) {
      assertThat(client.isOver()).isTrue();
      await().until(() -> server.connections() == 0);
    }
  }

  /** The socket, but nothing can be received from it. */
  private static NetSocket failing(NetSocketInternal socket) {
    return (NetSocket)
        Proxy.newProxyInstance(
            NbdServerTest.class.getClassLoader(),
            new Class<?>[] {NetSocketInternal.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("messageHandler")) {
                throw new IllegalStateException("no handler today");
              }
              return method.invoke(socket, arguments);
            });
  }

  @Test
  void clientsThatSayNothingGiveTheirPlacesToOthers() throws Exception {
    SocketAddress address = serve(Duration.ofMinutes(10));
    List<RawClient> silent = new ArrayList<>();
    try {
      for (int i = 0; i < 2 * NbdOptions.NEGOTIATING; i++) {
        silent.add(new RawClient(address));
      }
      assertThat(isServed(address)).isTrue();
      silent.get(0).in.readFully(new byte[18]);
      assertThat(silent.get(0).isOver()).as("who waited longest made room").isTrue();
    } finally {
      close(silent);
    }
  }

  @Test
  void aClientThatChoosesNoExportIsDropped() throws Exception {
    SocketAddress address = serve(Duration.ofMillis(500));
    try (RawClient silent = new RawClient(address)) {
      silent.in.readFully(new byte[18]);
      assertThat(silent.isOver()).isTrue();
    }
  }

  private static boolean isServed(SocketAddress address) throws IOException {
    try (RawClient client = new RawClient(address).use("disk")) {
      client.read(1, 0, 512);
      return client.reply(512) == 1;
    }
  }

  @Test
  void aClientThatDoesNotTakeAnswersIsNotListenedTo() throws Exception {
    SocketAddress address = serve(Duration.ofSeconds(60));
    int most = 16 * MIB;
    AtomicInteger sent = new AtomicInteger();
    try (RawClient client = new RawClient(address)) {
      Buffer list = Buffer.buffer();
      while (list.length() < 16 << 10) {
        list.appendLong(Nbd.OPTION_MAGIC).appendInt(Nbd.OPT_LIST).appendInt(0);
      }
      Thread asking =
          new Thread(
              () -> {
                try {
                  client.out.writeInt(Nbd.FLAG_FIXED_NEWSTYLE);
                  while (sent.get() < most) {
                    client.out.write(list.getBytes());
                    sent.addAndGet(list.length());
                  }
                } catch (IOException e) {
                  // The test is over.
                }
              });
      asking.start();
      int before;
      do {
        before = sent.get();
        Thread.sleep(2_000);
      } while (sent.get() > before);
      assertThat(sent.get()).isPositive().isLessThan(most);
    }
  }

  @Test
  void aClientThatDoesNotTakeItsRepliesIsDropped() throws Exception {
    SocketAddress address = serve(Duration.ofSeconds(2));
    try (RawClient stalled = new RawClient(address).use("disk")) {
      for (int i = 0; i < 64; i++) {
        stalled.read(i, 0, MIB);
      }
      await().atMost(60, TimeUnit.SECONDS).until(() -> server.connections() == 0);
    }
  }

  @Test
  void aClientThatDoesNotTakeItsRepliesDoesNotHoldUpTheEndOfTheServer() throws Exception {
    SocketAddress address = serve(Duration.ofSeconds(2));
    try (RawClient stalled = new RawClient(address).use("disk")) {
      for (int i = 0; i < 64; i++) {
        stalled.read(i, 0, MIB);
      }
      assertThat(stalled.in.readInt()).isEqualTo(Nbd.SIMPLE_REPLY_MAGIC);
      server.close().await(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void aClientThatWaitsForTheStoreIsNotDropped() throws Exception {
    SocketAddress address = serve(Duration.ofSeconds(2));
    CountDownLatch hangs = new CountDownLatch(2);
    server.export("hangs", hanging(hangs));
    try (RawClient waiting = new RawClient(address).use("hangs")) {
      for (int i = 0; i < 8; i++) {
        waiting.read(i, 0, 512);
      }
      hangs.await();
      Thread.sleep(6_000);
      goesOn.countDown();
      for (int i = 0; i < 8; i++) {
        waiting.reply(512);
      }
    }
  }
}
