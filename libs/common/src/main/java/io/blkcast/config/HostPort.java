package io.blkcast.config;

import java.util.Locale;
import java.util.Set;

/**
 * An address to listen on or to connect to.
 *
 * @param host name or address, IPv6 without brackets
 * @param port 0..65535; 0 lets the system choose where one listens
 */
public record HostPort(String host, int port) {

  /**
   * Parses {@code host:port} or {@code [v6]:port}.
   *
   * @throws IllegalArgumentException with a message that shows the right form
   */
  public static HostPort parse(String text) {
    int colon = text.lastIndexOf(':');
    String host = colon < 0 ? "" : text.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    }
    try {
      int port = Integer.parseInt(text.substring(colon + 1));
      if (!host.isEmpty() && port >= 0 && port <= 65535) {
        return new HostPort(host, port);
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new IllegalArgumentException(
        "'" + text + "' is not an address; write host:port, such as 127.0.0.1:8080");
  }

  /**
   * Whether both name one port of one address, as far as their text shows: every address includes
   * the wildcard's, and port 0 is always another one.
   */
  public boolean overlaps(HostPort other) {
    return port == other.port
        && port != 0
        && (isWildcard() || other.isWildcard() || address().equals(other.address()));
  }

  private boolean isWildcard() {
    return Set.of("0.0.0.0", "::", "0:0:0:0:0:0:0:0").contains(host);
  }

  /** The many names of this machine as one. */
  private String address() {
    String name = host.toLowerCase(Locale.ROOT);
    return name.equals("localhost") || name.equals("::1") || name.startsWith("127.")
        ? "localhost"
        : name;
  }

  @Override
  public String toString() {
    return host.indexOf(':') >= 0 ? "[" + host + "]:" + port : host + ":" + port;
  }
}
