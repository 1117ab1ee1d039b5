package io.blkcast.exporter;

import com.sun.jna.Native;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells systemd how the service is, by the protocol of sd_notify(3): datagrams to the Unix socket
 * that {@code NOTIFY_SOCKET} names. Does nothing where nobody asks for it. Sending never blocks for
 * long, and never fails the caller.
 */
final class ServiceManager {

  private static final Logger LOG = LoggerFactory.getLogger(ServiceManager.class);

  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM_CLOEXEC = 2 | 02000000;
  private static final int MSG_NOSIGNAL = 0x4000;

  /** Bytes of a path in {@code struct sockaddr_un}, unix(7). */
  private static final int MOST_PATH = 108;

  private final @Nullable ByteBuffer address;
  private final Optional<Duration> watchdog;

  private ServiceManager(@Nullable ByteBuffer address, Optional<Duration> watchdog) {
    this.address = address;
    this.watchdog = watchdog;
  }

  /** As the environment tells. */
  static ServiceManager of(Map<String, String> environment) {
    String socket = environment.getOrDefault("NOTIFY_SOCKET", "");
    byte[] path = socket.getBytes(StandardCharsets.UTF_8);
    if (path.length == 0) {
      return new ServiceManager(null, Optional.empty());
    }
    if (path.length > MOST_PATH || (path[0] != '/' && path[0] != '@')) {
      LOG.warn("NOTIFY_SOCKET={} is not a socket; the service manager is told nothing", socket);
      return new ServiceManager(null, Optional.empty());
    }
    if (path[0] == '@') {
      path[0] = 0; // An abstract socket.
    }
    ByteBuffer address =
        ByteBuffer.allocateDirect(Short.BYTES + path.length).order(ByteOrder.nativeOrder());
    address.putShort((short) AF_UNIX).put(path);
    return new ServiceManager(address, watchdog(environment));
  }

  private static Optional<Duration> watchdog(Map<String, String> environment) {
    String micros = environment.getOrDefault("WATCHDOG_USEC", "");
    String pid = environment.getOrDefault("WATCHDOG_PID", "");
    boolean ours = pid.isEmpty() || pid.equals(Long.toString(ProcessHandle.current().pid()));
    try {
      return micros.isEmpty() || !ours
          ? Optional.empty()
          : Optional.of(Duration.ofNanos(Math.multiplyExact(Long.parseLong(micros), 1000L)));
    } catch (ArithmeticException | NumberFormatException e) {
      LOG.warn("WATCHDOG_USEC={} is not a time; no watchdog", micros);
      return Optional.empty();
    }
  }

  /** Within which time it wants signs of life, if it does. */
  Optional<Duration> watchdog() {
    return watchdog;
  }

  /** The service does what it is for, from now on. */
  void ready(String status) {
    tell("READY=1\nSTATUS=" + status);
  }

  /** Changes what is shown of the service. */
  void status(String status) {
    tell("STATUS=" + status);
  }

  void alive() {
    tell("WATCHDOG=1");
  }

  void stopping() {
    tell("STOPPING=1\nSTATUS=stopping");
  }

  private void tell(String state) {
    if (address == null) {
      return;
    }
    int socket = C.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (socket < 0) {
      LOG.warn("the service manager cannot be told: error {}", Native.getLastError());
      return;
    }
    try {
      byte[] message = state.getBytes(StandardCharsets.UTF_8);
      ByteBuffer data = ByteBuffer.allocateDirect(message.length).put(message);
      long sent =
          C.sendto(
              socket,
              data.flip(),
              message.length,
              MSG_NOSIGNAL,
              address.duplicate().rewind(),
              address.capacity());
      if (sent != message.length) {
        LOG.warn("the service manager cannot be told: error {}", Native.getLastError());
      }
    } finally {
      C.close(socket);
    }
  }

  /** The JDK has no datagrams on Unix sockets. */
  private static final class C {
    static {
      Native.register(C.class, "c");
    }

    static native int socket(int domain, int type, int protocol);

    static native long sendto(
        int socket, java.nio.Buffer data, long length, int flags, java.nio.Buffer to, int toLength);

    static native int close(int fd);
  }
}
