package io.blkcast.testkit;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * One Kafka node, broker and controller, made of the real server classes and bound to loopback.
 *
 * <p>The storage is formatted at the first start. {@link #stop} and {@link #start} keep data and
 * port, so that clients reconnect as they would after a restart of a real broker; {@link #close}
 * stops for good and deletes the data if the directory was a temporary one. Methods are
 * synchronized: a broker may be stopped from one thread while another waits for it to start.
 */
public final class EmbeddedBroker implements AutoCloseable {

  private static final int NODE_ID = 1;
  private static final int PORT_ATTEMPTS = 100;

  private final Path dataDir;
  private final boolean temporary;
  private final int port;
  private final int controllerPort;
  private final Map<String, String> protocols;
  private final Map<String, Integer> ports = new LinkedHashMap<>();
  private final Map<String, String> overrides;
  private @Nullable KafkaRaftServer server;

  private EmbeddedBroker(Builder builder) throws IOException {
    this.temporary = builder.dataDir == null;
    this.dataDir =
        builder.dataDir == null ? Files.createTempDirectory("blkcast-testkit-") : builder.dataDir;
    this.port = builder.port == 0 ? freePort() : builder.port;
    this.controllerPort = freePort();
    this.protocols = Map.copyOf(builder.protocols);
    for (String listener : protocols.keySet()) {
      ports.put(listener, freePort());
    }
    this.overrides = Map.copyOf(builder.overrides);
  }

  public static Builder builder() {
    return new Builder();
  }

  /** A broker on a free port with its data in a temporary directory, started. */
  public static EmbeddedBroker started() throws IOException {
    EmbeddedBroker broker = builder().build();
    broker.start();
    return broker;
  }

  /**
   * Starts the broker, formatting its storage when there is none; returns when it accepts clients.
   * Does nothing while it is running.
   *
   * @throws IOException where the storage cannot be formatted
   * @throws RuntimeException as of Kafka where the server cannot start, a port in use for instance
   */
  public synchronized void start() throws IOException {
    if (server != null) {
      return;
    }
    format();
    KafkaRaftServer starting = new KafkaRaftServer(new KafkaConfig(settings(), false), Time.SYSTEM);
    try {
      starting.startup();
    } catch (RuntimeException | Error e) {
      starting.shutdown();
      throw e;
    }
    server = starting;
  }

  /** Stops the broker and keeps its data. Does nothing while it is stopped. */
  public synchronized void stop() {
    KafkaRaftServer stopping = server;
    server = null;
    if (stopping != null) {
      stopping.shutdown();
      stopping.awaitShutdown();
    }
  }

  /** Stops and starts again on the same port with the same data. */
  public synchronized void restart() throws IOException {
    stop();
    start();
  }

  public synchronized boolean isRunning() {
    return server != null;
  }

  /** What clients give as {@code bootstrap.servers}; the same over restarts. */
  public String bootstrapServers() {
    return "127.0.0.1:" + port;
  }

  /**
   * What clients of one of the further listeners give as {@code bootstrap.servers}.
   *
   * @throws IllegalArgumentException where there is no such listener
   */
  public String bootstrapServers(String listener) {
    Integer listening = ports.get(listener);
    if (listening == null) {
      throw new IllegalArgumentException("no listener " + listener + " among " + ports.keySet());
    }
    return "127.0.0.1:" + listening;
  }

  public Path dataDir() {
    return dataDir;
  }

  /** Stops, and deletes the data where no directory was given. */
  @Override
  public synchronized void close() {
    stop();
    if (temporary) {
      try {
        Utils.delete(dataDir.toFile());
      } catch (IOException e) {
        LoggerFactory.getLogger(EmbeddedBroker.class)
            .warn("temporary directory {} not deleted: {}", dataDir, e.toString());
      }
    }
  }

  private void format() throws IOException {
    if (Files.exists(dataDir.resolve("meta.properties"))) {
      return;
    }
    Files.createDirectories(dataDir);
    try (PrintStream silent =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8)) {
      new Formatter()
          .setPrintStream(silent)
          .setClusterId(Uuid.randomUuid().toString())
          .setNodeId(NODE_ID)
          .setDirectories(List.of(dataDir.toString()))
          .setMetadataLogDirectory(dataDir.toString())
          .setReleaseVersion(MetadataVersion.LATEST_PRODUCTION)
          .setControllerListenerName("CONTROLLER")
          .setIgnoreFormatted(true)
          .run();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IOException("cannot format the broker's storage in " + dataDir, e);
    }
  }

  private Map<String, String> settings() {
    Map<String, String> settings = new HashMap<>();
    settings.put("process.roles", "broker,controller");
    settings.put("node.id", Integer.toString(NODE_ID));
    settings.put("log.dirs", dataDir.toString());
    StringBuilder addresses = new StringBuilder("BROKER://127.0.0.1:" + port);
    StringBuilder security = new StringBuilder("BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT");
    ports.forEach(
        (listener, number) -> {
          addresses.append(',').append(listener).append("://127.0.0.1:").append(number);
          security.append(',').append(listener).append(':').append(protocols.get(listener));
        });
    settings.put("listeners", addresses + ",CONTROLLER://127.0.0.1:" + controllerPort);
    settings.put("advertised.listeners", addresses.toString());
    settings.put("listener.security.protocol.map", security.toString());
    settings.put("inter.broker.listener.name", "BROKER");
    settings.put("controller.listener.names", "CONTROLLER");
    settings.put("controller.quorum.voters", NODE_ID + "@127.0.0.1:" + controllerPort);
    // One node: what is replicated in a cluster has one copy here.
    settings.put("default.replication.factor", "1");
    settings.put("min.insync.replicas", "1");
    settings.put("offsets.topic.replication.factor", "1");
    settings.put("offsets.topic.num.partitions", "1");
    settings.put("transaction.state.log.replication.factor", "1");
    settings.put("transaction.state.log.min.isr", "1");
    settings.put("transaction.state.log.num.partitions", "1");
    settings.put("share.coordinator.state.topic.replication.factor", "1");
    settings.put("share.coordinator.state.topic.min.isr", "1");
    // Waits that spare a cluster repeated rebalancing only slow one node down.
    settings.put("group.initial.rebalance.delay.ms", "0");
    // Whole segments are deleted: small ones let retention free a laptop's disk before the next
    // GiB.
    settings.put("log.segment.bytes", Integer.toString(64 << 20));
    settings.put("log.cleaner.dedupe.buffer.size", Integer.toString(4 << 20));
    settings.put("auto.create.topics.enable", "false");
    settings.put("metric.reporters", "");
    settings.putAll(overrides);
    return settings;
  }

  /**
   * A port nobody listens on, from below the range that Linux gives to outgoing connections (32768
   * and up unless configured): one of those could take the port while the broker is stopped.
   */
  private static int freePort() throws IOException {
    for (int i = 0; i < PORT_ATTEMPTS; i++) {
      int candidate = ThreadLocalRandom.current().nextInt(15_000, 32_000);
      try (ServerSocket socket = new ServerSocket()) {
        socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), candidate));
        return candidate;
      } catch (IOException taken) {
        // try another
      }
    }
    throw new IOException("no free port on loopback found in " + PORT_ATTEMPTS + " attempts");
  }

  /** Where the broker listens and keeps its data, and with what settings. */
  public static final class Builder {

    private int port;
    private @Nullable Path dataDir;
    private final Map<String, String> protocols = new LinkedHashMap<>();
    private final Map<String, String> overrides = new HashMap<>();

    private Builder() {}

    /** Port on loopback; 0, the default, chooses a free one. */
    public Builder port(int port) {
      if (port < 0 || port > 65_535) {
        throw new IllegalArgumentException("port out of 0..65535: " + port);
      }
      this.port = port;
      return this;
    }

    /** Where data is kept over runs; without, a temporary directory that {@code close} deletes. */
    public Builder dataDir(Path dataDir) {
      this.dataDir = dataDir;
      return this;
    }

    /**
     * Adds a listener on a free port of loopback, beside the one without security.
     *
     * @param name upper case
     * @param protocol SSL, SASL_PLAINTEXT or SASL_SSL; {@link #setting} configures it, by {@code
     *     listener.name.<name in lower case>.…}
     */
    public Builder listener(String name, String protocol) {
      protocols.put(name, protocol);
      return this;
    }

    /** Sets one of the broker's own settings, over the defaults chosen here. */
    public Builder setting(String key, String value) {
      overrides.put(key, value);
      return this;
    }

    /** Chooses ports and directory; does not start. */
    public EmbeddedBroker build() throws IOException {
      return new EmbeddedBroker(this);
    }
  }
}
