package io.blkcast.exporter.nbd;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.internal.net.NetSocketInternal;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves block stores over the NBD protocol, on TCP and Unix sockets.
 *
 * <p>Sockets belong to Vert.x's event loops. What blocks, that is every call of a store, runs on
 * workers of that store alone, named {@code blkcast-nbd-worker-}<i>n</i>: one whose calls hang
 * keeps no other from being served.
 */
public final class NbdServer {

  private static final Logger LOG = LoggerFactory.getLogger(NbdServer.class);

  /** Room for a whole large write at once, where the kernel gives as much. */
  private static final int RECEIVE_BYTES = 256 << 10;

  /**
   * Payloads come in all sizes, begin on an event loop and are freed by a worker. Netty's adaptive
   * allocator makes memory anew for most of these, and clears it first.
   */
  private static final ByteBufAllocator ALLOCATOR = PooledByteBufAllocator.DEFAULT;

  private final Vertx vertx;
  private final NbdOptions options;
  private final Map<BlockStore, ThreadPoolExecutor> workers = new ConcurrentHashMap<>();
  private final AtomicInteger threads = new AtomicInteger();
  private final Map<String, BlockStore> exports = new ConcurrentHashMap<>();
  private final Set<NbdConnection> connections = ConcurrentHashMap.newKeySet();
  private final Queue<NetServer> listeners = new ConcurrentLinkedQueue<>();
  private final MemoryLimit limit;
  private volatile boolean closed;

  public NbdServer(Vertx vertx, NbdOptions options) {
    this.vertx = vertx;
    this.options = options;
    this.limit = new MemoryLimit(options.sharedBytesInFlight());
  }

  private ThreadPoolExecutor newWorkers() {
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            options.workers(),
            options.workers(),
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            work -> {
              Thread thread = new Thread(work, "blkcast-nbd-worker-" + threads.getAndIncrement());
              thread.setDaemon(true);
              return thread;
            });
    pool.allowCoreThreadTimeOut(true);
    return pool;
  }

  private Executor workersOf(BlockStore store) {
    return workers.computeIfAbsent(store, ignored -> newWorkers());
  }

  /** Offers the store under the name from now on; the empty name is the default export. */
  public void export(String name, BlockStore store) {
    letWorkersGo(exports.put(name, store));
  }

  private void letWorkersGo(@Nullable BlockStore store) {
    if (store != null && !exports.containsValue(store)) {
      // They end when they are idle.
      workers.remove(store);
    }
  }

  /**
   * Offers the name no more, and ends the connections that use its store.
   *
   * @return completes when no call of the store is under way any more
   */
  public Future<Void> withdraw(String name) {
    BlockStore store = exports.remove(name);
    letWorkersGo(store);
    List<Future<Void>> ends = new ArrayList<>();
    for (NbdConnection connection : connections) {
      if (connection.store().filter(used -> used == store).isPresent()) {
        connection.end();
        ends.add(connection.ended());
      }
    }
    return Future.all(ends).mapEmpty();
  }

  /** Clients that are connected now. */
  public int connections() {
    return connections.size();
  }

  /**
   * Listens at a TCP address or, with {@link SocketAddress#domainSocketAddress}, a Unix socket. May
   * be called several times.
   *
   * @return where it listens: with port 0, the port that was chosen
   */
  public Future<SocketAddress> listen(SocketAddress address) {
    NetServerOptions net = new NetServerOptions().setReceiveBufferSize(RECEIVE_BYTES);
    if (address.isInetSocket()) {
      net.setTcpNoDelay(true).setTcpKeepAlive(true);
    }
    NetServer server = vertx.createNetServer(net).connectHandler(this::connected);
    listeners.add(server);
    return server
        .listen(address)
        .map(
            listening ->
                address.isInetSocket()
                    ? SocketAddress.inetSocketAddress(listening.actualPort(), address.host())
                    : address);
  }

  /** Stops listening, ends all connections after the requests under way, and stops the workers. */
  public Future<Void> close() {
    closed = true;
    List<Future<Void>> ends = new ArrayList<>();
    for (NbdConnection connection : connections) {
      connection.end();
      ends.add(connection.ended());
    }
    return Future.join(ends)
        .transform(
            ignored -> {
              List<Future<Void>> stops = new ArrayList<>();
              listeners.forEach(listener -> stops.add(listener.close()));
              return Future.join(stops);
            })
        .<Void>mapEmpty()
        .onComplete(ignored -> workers.values().forEach(ThreadPoolExecutor::shutdown));
  }

  private void connected(NetSocket socket) {
    if (closed || connections.size() >= options.maxConnections()) {
      LOG.warn(
          "turned away NBD client {}: there are {} already",
          socket.remoteAddress(),
          connections.size());
      socket.close();
      return;
    }
    NbdConnection connection =
        new NbdConnection(
            (NetSocketInternal) socket, exports, options, this::workersOf, ALLOCATOR, limit);
    connections.add(connection);
    connection.ended().onComplete(ignored -> connections.remove(connection));
    connection.start();
  }
}
