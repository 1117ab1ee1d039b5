package io.blkcast.exporter.publish;

import io.blkcast.codec.TopicNames;
import io.blkcast.kafka.access.ClientUser;
import io.blkcast.kafka.access.Role;
import java.net.URI;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Where and how an exporter publishes.
 *
 * @param producer settings for Kafka's producers, as the operator gave them
 * @param consumer likewise for consumers
 * @param admin likewise for the admin client
 * @param topics names of the topics
 * @param partitions of the chunks and extents topics where they are to be made, 1 or more
 * @param replicationFactor of topics to be made; empty for the brokers' default
 * @param schemaRegistry URL of a schema registry; empty for Avro's single-object encoding
 */
public record PublishSettings(
    Map<String, Object> producer,
    Map<String, Object> consumer,
    Map<String, Object> admin,
    TopicNames topics,
    int partitions,
    OptionalInt replicationFactor,
    Optional<URI> schemaRegistry) {

  public PublishSettings {
    producer = Map.copyOf(producer);
    consumer = Map.copyOf(consumer);
    admin = Map.copyOf(admin);
    if (partitions < 1) {
      throw new IllegalArgumentException("a topic has 1 partition or more, not " + partitions);
    }
  }

  /** What to do where the brokers deny something to this exporter. */
  String remedyOfDenial() {
    return ClientUser.remedy(producer, Role.EXPORTER);
  }

  /** Without the clients' settings: those may hold secrets. */
  @Override
  public String toString() {
    return "PublishSettings[topics=" + topics + ", partitions=" + partitions + "]";
  }
}
