package io.blkcast.exporter.publish;

import io.blkcast.exporter.publish.PublishException.Code;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.errors.TimeoutException;

/**
 * Says of brokers that do not answer what is wrong with each address: Kafka's clients only tell of
 * a timeout.
 */
final class BrokerAddresses {

  /** For all addresses together. */
  private static final int CONNECT_WITHIN_MS = 1_500;

  private static final int MOST = 5;

  private BrokerAddresses() {}

  /** {@code bootstrap.servers} as they are configured. */
  static List<String> of(PublishSettings settings) {
    Object given = settings.admin().getOrDefault("bootstrap.servers", "");
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

  /** The failure of a first question to the brokers, with address and cause. Blocks. */
  static PublishException explained(PublishSettings settings, Throwable failure) {
    if (!(failure.getCause() instanceof TimeoutException)) {
      return KafkaErrors.translate(
          "asking the brokers at " + String.join(", ", of(settings)),
          failure,
          settings.remedyOfDenial());
    }
    List<String> addresses = of(settings);
    List<String> tried = addresses.subList(0, Math.min(MOST, addresses.size()));
    Map<String, String> causes = new TreeMap<>();
    for (String address : tried) {
      causes.put(address, cause(address, CONNECT_WITHIN_MS / tried.size()));
    }
    return new PublishException(
        Code.RETRIABLE,
        "no broker answers: "
            + String.join(
                "; ",
                causes.entrySet().stream().map(e -> e.getKey() + ": " + e.getValue()).toList())
            + ". Are the brokers of kafka.bootstrap.servers running and reachable?",
        failure);
  }

  private static String cause(String address, int withinMillis) {
    int colon = address.lastIndexOf(':');
    try (Socket socket = new Socket()) {
      String host = address.substring(0, Math.max(colon, 0)).replaceAll("^\\[|]$", "");
      InetSocketAddress target =
          new InetSocketAddress(host, Integer.parseInt(address.substring(colon + 1)));
      if (target.isUnresolved()) {
        return "the name does not resolve";
      }
      socket.connect(target, withinMillis);
      return "takes connections, and does not answer Kafka's requests; does"
          + " kafka.security.protocol fit that listener, and are the addresses that it"
          + " advertises reachable?";
    } catch (SocketTimeoutException e) {
      return "no answer to a connection within " + withinMillis + " ms";
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    } catch (IllegalArgumentException e) {
      return "is no host:port";
    }
  }
}
