package io.blkcast.exporter.nbd;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Serves block stores over the NBD protocol, on TCP and Unix sockets. */
public final class NbdServer {

  private final Map<String, BlockStore> exports = new ConcurrentHashMap<>();

  public NbdServer(Vertx vertx, NbdOptions options) {}

  /** Offers the store under the name from now on; the empty name is the default export. */
  public void export(String name, BlockStore store) {
    exports.put(name, store);
  }

  /**
   * Listens at a TCP address or, with {@link SocketAddress#domainSocketAddress}, a Unix socket. May
   * be called several times.
   *
   * @return where it listens: with port 0, the port that was chosen
   */
  public Future<SocketAddress> listen(SocketAddress address) {
    throw new UnsupportedOperationException();
  }

  /** Stops listening, ends all connections after the requests under way, and stops the workers. */
  public Future<Void> close() {
    throw new UnsupportedOperationException();
  }
}
