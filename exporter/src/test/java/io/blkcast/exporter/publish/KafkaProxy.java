package io.blkcast.exporter.publish;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Stands between clients and a broker and fails at the worst instant: when a transaction is about
 * to be ended. Knows of Kafka's protocol only that a request is a length, then its key.
 */
final class KafkaProxy implements AutoCloseable {

  /** What becomes of the requests that end a transaction. */
  enum EndTxn {
    /** They pass. */
    PASS,
    /** They reach the broker, the answers are lost. */
    LOSE_ANSWER,
    /** They are lost. */
    LOSE_REQUEST
  }

  /** Key of EndTxn in Kafka's protocol guide. */
  private static final short END_TXN = 26;

  private final ServerSocket server;
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private volatile int brokerPort;
  private volatile EndTxn endTxn = EndTxn.PASS;

  KafkaProxy() throws IOException {
    server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    start("accept", this::accept);
  }

  int port() {
    return server.getLocalPort();
  }

  void to(int port) {
    brokerPort = port;
  }

  void onEndTxn(EndTxn what) {
    endTxn = what;
  }

  private void accept() throws IOException {
    while (true) {
      Socket client = server.accept();
      Socket broker = new Socket();
      try {
        broker.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), brokerPort));
      } catch (IOException refused) {
        client.close();
        continue;
      }
      sockets.add(client);
      sockets.add(broker);
      AtomicBoolean loseAnswer = new AtomicBoolean();
      start("requests", () -> requests(client, broker, loseAnswer));
      start("answers", () -> answers(client, broker, loseAnswer));
    }
  }

  private void requests(Socket client, Socket broker, AtomicBoolean loseAnswer) throws IOException {
    try (client;
        broker) {
      DataInputStream in = new DataInputStream(client.getInputStream());
      DataOutputStream out = new DataOutputStream(broker.getOutputStream());
      while (true) {
        byte[] request = new byte[in.readInt()];
        in.readFully(request);
        short api = (short) ((request[0] << 8) | (request[1] & 0xFF));
        EndTxn what = api == END_TXN ? endTxn : EndTxn.PASS;
        if (what == EndTxn.LOSE_REQUEST) {
          return;
        }
        loseAnswer.set(what == EndTxn.LOSE_ANSWER);
        out.writeInt(request.length);
        out.write(request);
        out.flush();
      }
    }
  }

  private static void answers(Socket client, Socket broker, AtomicBoolean loseAnswer)
      throws IOException {
    try (client;
        broker) {
      byte[] buffer = new byte[65_536];
      for (int n; (n = broker.getInputStream().read(buffer)) > 0; ) {
        if (loseAnswer.get()) {
          // The broker has acted; the client will never know from this connection.
          return;
        }
        client.getOutputStream().write(buffer, 0, n);
      }
    }
  }

  private interface Task {
    void run() throws IOException;
  }

  private static void start(String name, Task task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException ended) {
                // a connection that ends is what this is for
              }
            },
            "kafka-proxy-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
