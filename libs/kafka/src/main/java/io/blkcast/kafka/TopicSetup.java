package io.blkcast.kafka;

import io.blkcast.kafka.BrokerException.Code;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Makes missing topics, and looks whether those that exist would lose or refuse data. */
public final class TopicSetup {

  private static final short BROKERS_DEFAULT = -1;
  private static final Duration SETTLE_LIMIT = Duration.ofSeconds(20);
  private static final Duration SETTLE_PAUSE = Duration.ofMillis(100);

  private final Admin admin;
  private final List<TopicSpec> specs;
  private final short replicationFactor;
  private final String remedyOfDenial;

  public TopicSetup(
      Admin admin, List<TopicSpec> specs, OptionalInt replicationFactor, String remedyOfDenial) {
    this.admin = admin;
    this.specs = specs;
    this.replicationFactor = (short) replicationFactor.orElse(BROKERS_DEFAULT);
    this.remedyOfDenial = remedyOfDenial;
  }

  /**
   * Makes what is missing and checks what exists.
   *
   * @return what an operator should know though it is no reason to refuse
   * @throws BrokerException {@code MISCONFIGURED} with every fault found and its remedy
   */
  public List<String> ensure() throws BrokerException {
    Map<String, TopicDescription> existing = make();
    try {
      return check(existing);
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      throw KafkaErrors.translate("looking after the topics", e, remedyOfDenial);
    }
  }

  /** Makes what is missing, and returns what existed before. */
  public Map<String, TopicDescription> make() throws BrokerException {
    try {
      Map<String, TopicDescription> existing = describe();
      Set<String> made = new HashSet<>();
      long deadline = System.nanoTime() + SETTLE_LIMIT.toNanos();
      while (made.size() + existing.size() < specs.size()) {
        made.addAll(
            create(
                specs.stream()
                    .filter(spec -> !existing.containsKey(spec.name()))
                    .filter(spec -> !made.contains(spec.name()))
                    .toList()));
        if (made.size() + existing.size() < specs.size()) {
          // Another exporter makes them beside us, and not every broker knows of it yet.
          if (System.nanoTime() > deadline) {
            throw new BrokerException(
                Code.RETRIABLE, "the brokers do not agree which topics exist; is one starting?");
          }
          Thread.sleep(SETTLE_PAUSE.toMillis());
          existing.putAll(describe());
          existing.keySet().removeAll(made);
        }
      }
      return existing;
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      throw KafkaErrors.translate("looking after the topics", e, remedyOfDenial);
    }
  }

  /** How topics are, by the settings they should have. */
  public record Inspection(List<String> missing, List<String> faults, List<String> warnings) {}

  /** Looks at what exists, and makes nothing. */
  public Inspection inspect() throws ExecutionException, InterruptedException {
    Map<String, TopicDescription> existing = describe();
    List<String> missing =
        specs.stream().map(TopicSpec::name).filter(name -> !existing.containsKey(name)).toList();
    List<String> faults = new ArrayList<>();
    List<String> warnings = new ArrayList<>();
    compare(existing, faults, warnings);
    return new Inspection(missing, faults, warnings);
  }

  private Map<String, TopicDescription> describe() throws ExecutionException, InterruptedException {
    Map<String, TopicDescription> existing = new HashMap<>();
    Map<String, KafkaFuture<TopicDescription>> futures =
        admin.describeTopics(specs.stream().map(TopicSpec::name).toList()).topicNameValues();
    for (Map.Entry<String, KafkaFuture<TopicDescription>> future : futures.entrySet()) {
      try {
        existing.put(future.getKey(), future.getValue().get());
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
          throw e;
        }
      }
    }
    return existing;
  }

  /** Makes topics; returns the names of those that did not exist. */
  private Set<String> create(List<TopicSpec> missing)
      throws ExecutionException, InterruptedException {
    List<NewTopic> topics = missing.stream().map(spec -> spec.newTopic(replicationFactor)).toList();
    Set<String> made = new HashSet<>();
    for (Map.Entry<String, KafkaFuture<Void>> topic :
        admin.createTopics(topics).values().entrySet()) {
      try {
        topic.getValue().get();
        made.add(topic.getKey());
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof TopicExistsException)) {
          throw e;
        }
      }
    }
    return made;
  }

  private List<String> check(Map<String, TopicDescription> existing)
      throws ExecutionException, InterruptedException, BrokerException {
    List<String> faults = new ArrayList<>();
    List<String> warnings = new ArrayList<>();
    compare(existing, faults, warnings);
    if (!faults.isEmpty()) {
      throw new BrokerException(Code.MISCONFIGURED, String.join("\n", faults));
    }
    return warnings;
  }

  private void compare(
      Map<String, TopicDescription> existing, List<String> faults, List<String> warnings)
      throws ExecutionException, InterruptedException {
    List<ConfigResource> resources =
        existing.keySet().stream()
            .map(name -> new ConfigResource(ConfigResource.Type.TOPIC, name))
            .toList();
    Map<ConfigResource, Config> configs = admin.describeConfigs(resources).all().get();
    for (TopicSpec spec : specs) {
      TopicDescription description = existing.get(spec.name());
      Config config = configs.get(new ConfigResource(ConfigResource.Type.TOPIC, spec.name()));
      if (description != null && config != null) {
        new Check(spec, description, config, faults, warnings).run();
      }
    }
  }

  /** Holds one topic against what it must be like. */
  private record Check(
      TopicSpec spec,
      TopicDescription description,
      Config config,
      List<String> faults,
      List<String> warnings) {

    void run() {
      cleanup();
      size();
      retention();
      copies();
      int partitions = description.partitions().size();
      if (partitions < spec.minPartitions()) {
        faults.add(
            topic()
                + " has "
                + partitions
                + " partitions, a volume is to be striped over "
                + spec.minPartitions()
                + "; remedy: kafka-topics --alter --topic "
                + spec.name()
                + " --partitions "
                + spec.minPartitions()
                + ", or fewer stripes");
      }
    }

    private void cleanup() {
      List<String> policies = Arrays.asList(text("cleanup.policy").split("\\s*,\\s*"));
      if (spec.compacted()) {
        if (!policies.equals(List.of("compact"))) {
          fault(
              "cleanup.policy",
              "compact",
              "the last checkpoint of a quiet volume would be deleted with age");
        }
      } else if (policies.contains("compact")) {
        fault(
            "cleanup.policy",
            "delete",
            "all records of a volume have the same key: compaction would leave only the last");
      }
    }

    private void size() {
      long max = number("max.message.bytes");
      if (max < spec.recordBytes()) {
        fault(
            "max.message.bytes",
            Integer.toString(spec.recordBytes()),
            "it holds " + max + ": the largest records would be refused");
      }
    }

    private void retention() {
      if (spec.compacted()) {
        return;
      }
      long millis = number("retention.ms");
      if (millis >= 0 && millis < spec.minRetention().toMillis()) {
        warnings.add(
            topic()
                + " keeps records for "
                + Duration.ofMillis(millis)
                + " only: consumers that lag further will need a resync; raise retention.ms");
      }
      if (!spec.minRetention().isZero() && number("retention.bytes") >= 0) {
        warnings.add(
            topic()
                + " deletes records by retention.bytes="
                + text("retention.bytes")
                + ": an increment larger than that is lost before it is read; set it to -1");
      }
    }

    private void copies() {
      int replicas = description.partitions().get(0).replicas().size();
      long minInSync = number("min.insync.replicas");
      if (minInSync > replicas) {
        fault(
            "min.insync.replicas",
            Integer.toString(replicas),
            "it is "
                + minInSync
                + " with "
                + replicas
                + " replicas: every record would be refused");
      }
      if (replicas > 1 && minInSync < 2) {
        warnings.add(
            topic()
                + " has min.insync.replicas="
                + minInSync
                + ": acknowledged records are lost with one broker; set it to 2");
      }
      if (Boolean.parseBoolean(text("unclean.leader.election.enable"))) {
        warnings.add(
            topic()
                + " has unclean.leader.election.enable=true: acknowledged records may be lost;"
                + " set it to false");
      }
    }

    private void fault(String key, String value, String why) {
      faults.add(
          topic()
              + " has "
              + key
              + "="
              + text(key)
              + ": "
              + why
              + "; remedy: kafka-configs --alter --topic "
              + spec.name()
              + " --add-config "
              + key
              + "="
              + value);
    }

    private String topic() {
      return "topic " + spec.name();
    }

    private String text(String key) {
      ConfigEntry entry = config.get(key);
      return entry == null || entry.value() == null ? "" : entry.value();
    }

    private long number(String key) {
      String text = text(key);
      return text.isEmpty() ? -1 : Long.parseLong(text);
    }
  }
}
