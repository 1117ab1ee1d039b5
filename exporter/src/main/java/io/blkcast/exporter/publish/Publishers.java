package io.blkcast.exporter.publish;

import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.SchemaRegistryClient;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.kafka.KafkaErrors;
import io.blkcast.kafka.TopicSetup;
import io.blkcast.kafka.TopicSpec;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.kafka.KafkaClientMetrics;
import java.time.Clock;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The publishers of an exporter's volumes and what they share: an admin client, and one producer
 * for all bulk records, whose buffer bounds the memory of all volumes together.
 *
 * <p>Making it touches no network. The clients and the topics are made when the first volume is
 * opened, and topics are checked whenever one is; while that fails, every {@link
 * VolumePublisher#open} tries again. Thread-safe.
 */
public final class Publishers implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Publishers.class);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final PublishSettings settings;
  private final Map<String, VolumeSettings> volumes = new LinkedHashMap<>();
  private final Clock clock;
  private final MeterRegistry meters;
  private final Optional<SchemaRegistryClient> registry;
  private final RecordCodec codec;
  private final TailReader tail;
  private @Nullable Connection connection;
  private final Set<String> warned = new HashSet<>();
  private volatile boolean topicsMade;
  private boolean lent;
  private boolean closed;

  /** What publishers share once there are brokers. */
  record Connection(
      Admin admin, KafkaProducer<byte[], byte[]> bulk, KafkaClientMetrics bulkMetrics) {}

  /**
   * @param volumes all that are going to be published
   * @param clock stamps manifests and checkpoints
   * @param meters gets the metrics of Kafka's own client that sends the chunks
   */
  public Publishers(
      PublishSettings settings,
      Collection<VolumeSettings> volumes,
      Clock clock,
      MeterRegistry meters) {
    this.settings = settings;
    this.meters = meters;
    volumes.forEach(volume -> this.volumes.put(volume.volume(), volume));
    this.clock = clock;
    this.registry = settings.schemaRegistry().map(SchemaRegistryClient::new);
    this.codec = registry.map(RecordCodec::registry).orElseGet(RecordCodec::singleObject);
    this.tail = new TailReader(settings);
  }

  /**
   * Looks at the settings, and asks no broker.
   *
   * @throws BrokerException {@code MISCONFIGURED} where nothing could ever be published with them
   */
  public void checkSettings() throws BrokerException {
    ClientSettings.check(settings);
  }

  /**
   * A publisher of one volume; the caller closes it before this.
   *
   * @throws IllegalArgumentException for a volume that was not named at first
   */
  public VolumePublisher volume(String name) {
    VolumeSettings volume = volumes.get(name);
    if (volume == null) {
      throw new IllegalArgumentException("volume " + name + " is not among " + volumes.keySet());
    }
    return new KafkaVolumePublisher(this, settings, volume, codec, clock);
  }

  /** Looks after the brokers; the caller closes it. */
  public BrokerWatch watch() {
    return new BrokerWatch(settings, topics(settings, volumes.values()), () -> topicsMade);
  }

  /** Encodes and decodes the records, in the framing that is configured. */
  public RecordCodec codec() {
    return codec;
  }

  /** Reads what came to a topic since a volume's last commit. */
  TailReader tail() {
    return tail;
  }

  /** Whether a schema registry is configured. */
  public boolean hasRegistry() {
    return registry.isPresent();
  }

  /**
   * Asks the schema registry for a sign of life, if there is one; blocks for some seconds at most.
   *
   * @throws BrokerException where there is none
   */
  public void checkRegistry() throws BrokerException {
    try {
      registry.ifPresent(SchemaRegistryClient::check);
    } catch (RuntimeException e) {
      throw KafkaErrors.translate("the schema registry", e, "");
    }
  }

  /**
   * Registers all schemas, unless that is done. From then on an exporter does without its registry
   * for as long as it runs.
   */
  void registerSchemas() throws BrokerException {
    try {
      codec.prepare(settings.topics());
    } catch (RuntimeException e) {
      throw KafkaErrors.translate("registering the schemas", e, "");
    }
  }

  /** The shared clients, made when needed; topics were there once. */
  synchronized Connection connection() throws BrokerException {
    if (closed) {
      throw new BrokerException(Code.FATAL, "the exporter's publishers are closed");
    }
    Connection current = connection;
    if (current == null) {
      current = connect(largestChunk(volumes.values()));
      connection = current;
    }
    if (!topicsMade) {
      makeTopics(current);
    }
    return current;
  }

  private void makeTopics(Connection current) throws BrokerException {
    try {
      setup(current, volumes.values()).make();
      topicsMade = true;
    } catch (BrokerException e) {
      letGoWhenDenied(e);
      throw e;
    }
  }

  /**
   * As {@link #connection}, for a volume that is opened: its topics are there, with settings that
   * suit this volume. Those that do not suit another are that one's trouble.
   */
  synchronized Connection connection(VolumeSettings volume) throws BrokerException {
    boolean before = topicsMade;
    Connection current = connection();
    try {
      if (before) {
        setup(current, volumes.values()).make();
      }
      for (String warning : setup(current, List.of(volume)).ensure()) {
        if (warned.add(warning)) {
          LOG.warn("{}", warning);
        }
      }
    } catch (BrokerException e) {
      letGoWhenDenied(e);
      throw e;
    }
    lent = true;
    return current;
  }

  /**
   * A producer that is not let in at first never gets its id later: KAFKA-20237. Nobody has it yet.
   */
  private void letGoWhenDenied(BrokerException failure) {
    Connection current = connection;
    if (failure.code() == Code.DENIED && !lent && current != null) {
      connection = null;
      close(current);
    }
  }

  private TopicSetup setup(Connection current, Collection<VolumeSettings> those) {
    return new TopicSetup(
        current.admin(),
        topics(settings, those),
        settings.replicationFactor(),
        settings.remedyOfDenial());
  }

  /** What the topics must be like for those volumes. */
  static List<TopicSpec> topics(PublishSettings settings, Collection<VolumeSettings> volumes) {
    int stripes = volumes.stream().mapToInt(VolumeSettings::stripes).max().orElse(1);
    return TopicSpec.of(settings.topics(), settings.partitions(), stripes, largestChunk(volumes));
  }

  private static int largestChunk(Collection<VolumeSettings> volumes) {
    return volumes.stream().mapToInt(VolumeSettings::chunkBytes).max().orElse(1);
  }

  private Connection connect(int chunkBytes) throws BrokerException {
    Admin admin = null;
    try {
      admin = Admin.create(ClientSettings.admin(settings));
      KafkaProducer<byte[], byte[]> bulk =
          new KafkaProducer<>(ClientSettings.bulk(settings, chunkBytes));
      KafkaClientMetrics metrics = new KafkaClientMetrics(bulk);
      metrics.bindTo(meters);
      return new Connection(admin, bulk, metrics);
    } catch (BrokerException | RuntimeException e) {
      if (admin != null) {
        admin.close(Duration.ZERO);
      }
      throw KafkaErrors.translate("making Kafka's clients", e, settings.remedyOfDenial());
    }
  }

  /** Sends what is buffered, for at most five seconds, and closes the shared clients. */
  @Override
  public void close() {
    Connection current;
    synchronized (this) {
      closed = true;
      current = connection;
      connection = null;
    }
    tail.close();
    if (current != null) {
      close(current);
    }
  }

  private static void close(Connection clients) {
    clients.bulkMetrics().close();
    clients.bulk().close(CLOSE_LIMIT);
    clients.admin().close(Duration.ZERO);
  }
}
