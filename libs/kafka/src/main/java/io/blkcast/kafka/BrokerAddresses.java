package io.blkcast.kafka;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Says of brokers that do not answer what is wrong with each address: Kafka's clients only tell of
 * a timeout.
 */
public final class BrokerAddresses {

  /** For all addresses together. */
  private static final int CONNECT_WITHIN_MS = 1_500;

  private static final int MOST = 5;

  private BrokerAddresses() {}

  /** {@code bootstrap.servers} as they are configured. */
  public static List<String> of(Map<String, Object> settings) {
    Object given = settings.getOrDefault("bootstrap.servers", "");
    String text =
        given instanceof Collection<?> many
            ? String.join(",", many.stream().map(String::valueOf).toList())
            : String.valueOf(given);
    List<String> addresses = new ArrayList<>();
    for (String address : text.split(",", -1)) {
      if (!address.isBlank()) {
        addresses.add(address.strip());
      }
    }
    return addresses;
  }

  /**
   * What is wrong with each address, in words. Blocks.
   *
   * @return empty where one takes connections
   */
  public static Optional<String> unreachable(Map<String, Object> settings) {
    List<String> addresses = of(settings);
    List<String> tried = addresses.subList(0, Math.min(MOST, addresses.size()));
    List<String> causes = new ArrayList<>();
    for (String address : tried) {
      Optional<String> cause = cause(address, CONNECT_WITHIN_MS / tried.size());
      if (cause.isEmpty()) {
        return Optional.empty();
      }
      causes.add(address + ": " + cause.get());
    }
    return Optional.of(
        "no broker answers: "
            + String.join("; ", causes)
            + ". Are the brokers of kafka.bootstrap.servers running and reachable?");
  }

  private static Optional<String> cause(String address, int withinMillis) {
    int colon = address.lastIndexOf(':');
    try (Socket socket = new Socket()) {
      String host = address.substring(0, Math.max(colon, 0)).replaceAll("^\\[|]$", "");
      InetSocketAddress target =
          new InetSocketAddress(host, Integer.parseInt(address.substring(colon + 1)));
      if (target.isUnresolved()) {
        return Optional.of("the name does not resolve");
      }
      socket.connect(target, withinMillis);
      return Optional.empty();
    } catch (SocketTimeoutException e) {
      return Optional.of("no answer to a connection within " + withinMillis + " ms");
    } catch (IOException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    } catch (IllegalArgumentException e) {
      return Optional.of("is no host:port");
    }
  }
}
