package io.blkcast.exporter.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
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

  @Test
  void clientsThatSayNothingGiveTheirPlacesToOthers() throws Exception {
    SocketAddress address = serve(Duration.ofSeconds(2));
    List<RawClient> silent = new ArrayList<>();
    try {
      for (int i = 0; i < CONNECTIONS; i++) {
        silent.add(new RawClient(address));
      }
      await().atMost(60, TimeUnit.SECONDS).ignoreExceptions().until(() -> isServed(address));
    } finally {
      for (RawClient client : silent) {
        client.close();
      }
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
