package io.blkcast.nbd;

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
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;
import org.slf4j.MarkerFactory;

/**
 * Serves block stores over the NBD protocol, on TCP and Unix sockets.
 *
 * <p>Sockets belong to Vert.x's event loops. What blocks, that is every call of a store, runs on
 * workers of that store alone, named {@code blkcast-nbd-worker-}<i>n</i>: one whose calls hang
 * keeps no other from being served. Likewise each store has its own places for clients and its
 * share of the memory for requests ({@link Served}).
 */
public final class NbdServer {

  private static final Logger LOG = LoggerFactory.getLogger(NbdServer.class);
  private static final Marker PEER = MarkerFactory.getMarker("PEER");

  /** Room for a whole large write at once, where the kernel gives as much. */
  private static final int RECEIVE_BYTES = 256 << 10;

  /**
   * Payloads come in all sizes, begin on an event loop and are freed by a worker. Netty's adaptive
   * allocator makes memory anew for most of these, and clears it first.
   */
  private static final ByteBufAllocator ALLOCATOR = PooledByteBufAllocator.DEFAULT;

  private final Vertx vertx;
  private final NbdOptions options;
  private final Map<BlockStore, Served> served = new ConcurrentHashMap<>();
  private final AtomicInteger threads = new AtomicInteger();
  private final Map<String, BlockStore> exports = new ConcurrentHashMap<>();
  private final Set<NbdConnection> connections = ConcurrentHashMap.newKeySet();
  private final WaitingRoom<NbdConnection> negotiating = new WaitingRoom<>(NbdOptions.NEGOTIATING);
  private final Queue<NetServer> listeners = new ConcurrentLinkedQueue<>();
  private final MemoryLimit limit;
  private volatile boolean closed;

  public NbdServer(Vertx vertx, NbdOptions options) {
    this.vertx = vertx;
    this.options = options;
    this.limit = new MemoryLimit(options.sharedBytesInFlight(), Nbd.MAX_PAYLOAD);
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

  /** Offers the store under the name from now on; the empty name is the default export. */
  public synchronized void export(String name, BlockStore store) {
    if (!served.containsKey(store)) {
      served.put(store, new Served(options.clientsPerExport(), newWorkers(), limit.share()));
    }
    BlockStore before = exports.put(name, store);
    if (before != null) {
      letGo(before);
    }
  }

  private void letGo(BlockStore store) {
    if (!exports.containsValue(store)) {
      Served gone = served.remove(store);
      if (gone != null) {
        gone.withdraw();
      }
    }
  }

  /**
   * Offers the name no more, and ends the connections that use its store.
   *
   * @return completes when no call of the store is under way any more
   */
  public synchronized Future<Void> withdraw(String name) {
    BlockStore store = exports.remove(name);
    Served by = store == null ? null : served.get(store);
    if (store == null || by == null) {
      return Future.succeededFuture();
    }
    letGo(store);
    List<Future<Void>> ends = new ArrayList<>();
    for (NbdConnection connection : by.clients()) {
      connection.end();
      ends.add(connection.ended());
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
        .onComplete(ignored -> served.values().forEach(each -> each.workers().shutdown()));
  }

  /** On the socket's event loop. */
  void connected(NetSocket socket) {
    NetSocketInternal client = (NetSocketInternal) socket;
    if (closed) {
      client.channelHandlerContext().close();
      return;
    }
    NbdConnection connection =
        new NbdConnection(
            client, exports, options, store -> Optional.ofNullable(served.get(store)), ALLOCATOR);
    connections.add(connection);
    connection
        .ended()
        .onComplete(
            ignored -> {
              negotiating.leave(connection);
              connections.remove(connection);
            });
    try {
      connection.start(() -> negotiating.leave(connection));
    } catch (RuntimeException | OutOfMemoryError e) {
      LOG.error(PEER, "NBD client {} cannot be served; closing", socket.remoteAddress(), e);
      connection.abandon();
      return;
    }
    negotiating
        .enter(connection, connection.host())
        .ifPresent(
            leaving -> {
              LOG.warn(
                  PEER,
                  "closing NBD client {}, which has chosen no export: another needs the place",
                  leaving.host());
              leaving.drop();
            });
  }
}
