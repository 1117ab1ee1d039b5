package io.blkcast.exporter.publish;

import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.SchemaRegistryClient;
import io.blkcast.exporter.publish.PublishException.Code;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.kafka.KafkaClientMetrics;
import java.time.Clock;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The publishers of an exporter's volumes and what they share: an admin client, and one producer
 * for all bulk records, whose buffer bounds the memory of all volumes together.
 *
 * <p>Making it touches no network. The clients are made, and topics made and checked, when the
 * first volume is opened; while that fails, every {@link VolumePublisher#open} tries again.
 * Thread-safe.
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
  private @Nullable Connection connection;
  private boolean topicsChecked;
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

  /**
   * Asks the brokers for a sign of life; blocks for as long as the admin client's timeout.
   *
   * @throws PublishException where there is none, or topics are not as they must be
   */
  public void check() throws PublishException {
    try {
      connection().admin().describeCluster().nodes().get();
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      throw KafkaErrors.translate(
          "asking the brokers for their nodes", e, settings.remedyOfDenial());
    }
  }

  /** Encodes and decodes the records, in the framing that is configured. */
  public RecordCodec codec() {
    return codec;
  }

  /** Whether a schema registry is configured. */
  public boolean hasRegistry() {
    return registry.isPresent();
  }

  /**
   * Asks the schema registry for a sign of life, if there is one; blocks for some seconds at most.
   *
   * @throws PublishException where there is none
   */
  public void checkRegistry() throws PublishException {
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
  void registerSchemas() throws PublishException {
    try {
      codec.prepare(settings.topics());
    } catch (RuntimeException e) {
      throw KafkaErrors.translate("registering the schemas", e, "");
    }
  }

  /** The shared clients, made when needed; topics are as they must be. */
  synchronized Connection connection() throws PublishException {
    if (closed) {
      throw new PublishException(Code.FATAL, "the exporter's publishers are closed");
    }
    Connection current = connection;
    if (current == null) {
      current = connect(largestChunk(volumes.values()));
      connection = current;
    }
    if (!topicsChecked) {
      try {
        new TopicSetup(
                current.admin(),
                topics(settings, volumes.values()),
                settings.replicationFactor(),
                settings.remedyOfDenial())
            .ensure()
            .forEach(LOG::warn);
      } catch (PublishException e) {
        if (e.code() == Code.DENIED) {
          // A producer that is not let in at first never gets its id later: KAFKA-20237. Nobody has
          // this one yet.
          connection = null;
          close(current);
        }
        throw e;
      }
      topicsChecked = true;
    }
    return current;
  }

  /** What the topics must be like for those volumes. */
  static List<TopicSpec> topics(PublishSettings settings, Collection<VolumeSettings> volumes) {
    int stripes = volumes.stream().mapToInt(VolumeSettings::stripes).max().orElse(1);
    return TopicSpec.of(settings.topics(), settings.partitions(), stripes, largestChunk(volumes));
  }

  private static int largestChunk(Collection<VolumeSettings> volumes) {
    return volumes.stream().mapToInt(VolumeSettings::chunkBytes).max().orElse(1);
  }

  private Connection connect(int chunkBytes) throws PublishException {
    Admin admin = null;
    try {
      admin = Admin.create(ClientSettings.admin(settings));
      KafkaProducer<byte[], byte[]> bulk =
          new KafkaProducer<>(ClientSettings.bulk(settings, chunkBytes));
      KafkaClientMetrics metrics = new KafkaClientMetrics(bulk);
      metrics.bindTo(meters);
      return new Connection(admin, bulk, metrics);
    } catch (PublishException | RuntimeException e) {
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
