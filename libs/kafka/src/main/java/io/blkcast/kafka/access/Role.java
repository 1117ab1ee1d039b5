package io.blkcast.kafka.access;

import static org.apache.kafka.common.acl.AclOperation.CREATE;
import static org.apache.kafka.common.acl.AclOperation.DESCRIBE;
import static org.apache.kafka.common.acl.AclOperation.DESCRIBE_CONFIGS;
import static org.apache.kafka.common.acl.AclOperation.READ;
import static org.apache.kafka.common.acl.AclOperation.WRITE;
import static org.apache.kafka.common.resource.ResourceType.GROUP;
import static org.apache.kafka.common.resource.ResourceType.TOPIC;
import static org.apache.kafka.common.resource.ResourceType.TRANSACTIONAL_ID;

import io.blkcast.codec.TopicNames;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/**
 * What a principal is to blkcast, and the least rights with which it can do that work. Nobody has
 * rights on the cluster: idempotent producers need none since Kafka 3.0.
 */
public enum Role {
  /**
   * Writes increments, extents, chunks, events and checkpoints, reads its checkpoints, the signals,
   * and the increments, to notice those that it did not write. Its transactional ids are those of
   * its volumes, so it can shut out no other exporter.
   */
  EXPORTER,
  /** Reads everything but signals; writes nothing but signals. */
  CONSUMER;

  /** The role's name on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The transactional id with which a volume's increments are committed. */
  public static String transactionalId(TopicNames topics, String volume) {
    return topics.prefix() + volume;
  }

  /**
   * The rights of the role.
   *
   * @param volumes that an exporter is to publish
   * @param createTopics whether an exporter makes missing topics, rather than a person
   * @param signals whether a consumer may ask for a BASELINE where it has missed one; who may can
   *     pause a volume, too
   * @param groups of consumers that commit offsets in Kafka, which ours do not
   */
  public List<Right> rights(
      TopicNames topics,
      Collection<String> volumes,
      boolean createTopics,
      boolean signals,
      Collection<String> groups) {
    List<Right> rights = new ArrayList<>();
    if (this == EXPORTER) {
      for (String topic : List.of(topics.increments(), topics.checkpoints())) {
        rights.add(new Right(TOPIC, topic, List.of(READ, WRITE, DESCRIBE_CONFIGS)));
      }
      for (String topic : List.of(topics.extents(), topics.chunks(), topics.events())) {
        rights.add(new Right(TOPIC, topic, List.of(WRITE, DESCRIBE_CONFIGS)));
      }
      rights.add(new Right(TOPIC, topics.signals(), List.of(READ, DESCRIBE_CONFIGS)));
      if (createTopics) {
        topics.all().forEach(topic -> rights.add(new Right(TOPIC, topic, List.of(CREATE))));
      }
      for (String volume : volumes) {
        rights.add(new Right(TRANSACTIONAL_ID, transactionalId(topics, volume), List.of(WRITE)));
      }
    } else {
      for (String topic :
          List.of(
              topics.increments(),
              topics.extents(),
              topics.chunks(),
              topics.events(),
              topics.checkpoints())) {
        rights.add(new Right(TOPIC, topic, List.of(READ)));
      }
      if (signals) {
        rights.add(new Right(TOPIC, topics.signals(), List.of(WRITE)));
      }
      groups.forEach(group -> rights.add(new Right(GROUP, group, List.of(READ, DESCRIBE))));
    }
    return List.copyOf(rights);
  }
}
