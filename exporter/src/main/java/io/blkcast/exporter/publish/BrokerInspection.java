package io.blkcast.exporter.publish;

import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.KafkaErrors;
import io.blkcast.kafka.TopicSetup;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.DescribeClusterResult;

/**
 * How the brokers and the topics are, looked at without making or changing anything.
 *
 * @param clusterId of the brokers
 * @param nodes brokers that there are
 * @param missing topics that an exporter would make
 * @param faults of topics that an exporter would refuse, each with its remedy after a semicolon
 * @param warnings likewise, that it would only tell
 */
public record BrokerInspection(
    String clusterId, int nodes, List<String> missing, List<String> faults, List<String> warnings) {

  /**
   * Asks the brokers.
   *
   * @param patience for all answers together, about
   */
  public static BrokerInspection of(
      PublishSettings settings, Collection<VolumeSettings> volumes, Duration patience)
      throws BrokerException {
    Map<String, Object> properties = new HashMap<>(ClientSettings.admin(settings));
    int millis = Math.toIntExact(patience.toMillis());
    properties.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, millis);
    properties.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, millis);
    try (Admin admin = Admin.create(properties)) {
      DescribeClusterResult cluster = admin.describeCluster();
      int nodes = cluster.nodes().get().size();
      TopicSetup.Inspection topics =
          new TopicSetup(
                  admin,
                  Publishers.topics(settings, volumes),
                  settings.replicationFactor(),
                  settings.remedyOfDenial())
              .inspect();
      return new BrokerInspection(
          cluster.clusterId().get(), nodes, topics.missing(), topics.faults(), topics.warnings());
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      throw KafkaErrors.translate("asking the brokers", e, settings.remedyOfDenial());
    }
  }
}
