package io.blkcast.exporter.publish;

import io.blkcast.kafka.BrokerAddresses;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.kafka.KafkaErrors;
import io.blkcast.kafka.TopicSetup;
import io.blkcast.kafka.TopicSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks every few seconds whether the brokers are such that what is published arrives: whether they
 * answer, whether the topics are there and still the same, whether a transaction hides what is
 * committed, and what the time is there. Volumes meet most of this themselves, but only when they
 * have something to publish, and after the long timeouts of Kafka's clients.
 *
 * <p>Has an admin client of its own, with short timeouts. For one thread at a time.
 */
public final class BrokerWatch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(BrokerWatch.class);

  /** Of each question; what is wrong with the addresses is asked after the first. */
  private static final int ANSWER_WITHIN_MS = 3_000;

  private static final Duration UNSETTLED = Duration.ofSeconds(2);

  /** Whoever deleted a topic may be about to make it anew, with settings of his own. */
  private static final Duration GRACE = Duration.ofSeconds(15);

  private final PublishSettings settings;
  private final List<TopicSpec> specs;
  private final BooleanSupplier topicsMade;
  private final TransactionWatch transactions = new TransactionWatch();
  private final ClockWatch clock = new ClockWatch();

  /** All that each topic has had: a broker that lags behind still names an older one. */
  private final Map<String, Set<Uuid>> ids = new HashMap<>();

  private final Map<String, Long> missingSince = new TreeMap<>();
  private @Nullable Admin admin;
  private boolean silent;

  /**
   * @param topicsMade whether all topics were there once: before that, missing ones are made when a
   *     volume is opened
   */
  BrokerWatch(PublishSettings settings, List<TopicSpec> specs, BooleanSupplier topicsMade) {
    this.settings = settings;
    this.specs = specs;
    this.topicsMade = topicsMade;
  }

  /**
   * What was seen where the brokers answer.
   *
   * @param renewed topics that were deleted and are there again, so that what they held is gone
   * @param clock what is wrong with the time here or there, if anything is
   */
  public record Seen(Set<String> renewed, Optional<String> clock) {}

  /**
   * Looks. Blocks for some seconds at most.
   *
   * @param handler is told what was seen, also where this fails afterwards
   * @throws BrokerException with what keeps increments from being published or seen
   */
  public void check(Consumer<Seen> handler) throws BrokerException {
    try {
      Admin asked = admin();
      if (!answers(asked)) {
        return;
      }
      // Asked before: a topic that is made in between is not taken for a missing one.
      boolean made = topicsMade.getAsBoolean();
      Map<String, TopicDescription> topics = describe(asked);
      Set<String> renewed = renewed(topics);
      handler.accept(new Seen(renewed, clock.look(asked)));
      requireAll(asked, topics, made);
      Optional<String> hanging = transactions.look(asked, transactional(topics));
      if (hanging.isPresent()) {
        throw new BrokerException(Code.RETRIABLE, hanging.get());
      }
    } catch (BrokerException e) {
      close();
      throw e;
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      close();
      throw KafkaErrors.translate("looking after the brokers", e, settings.remedyOfDenial());
    }
  }

  /**
   * Whether a broker answers; fails where none does. One that takes connections is asked a second
   * time before it counts as silent: it may only be busy.
   */
  private boolean answers(Admin asked) throws BrokerException, InterruptedException {
    try {
      asked.describeCluster(new DescribeClusterOptions().timeoutMs(ANSWER_WITHIN_MS)).nodes().get();
      silent = false;
      return true;
    } catch (ExecutionException e) {
      String addresses = String.join(", ", BrokerAddresses.of(settings.admin()));
      if (!(e.getCause() instanceof TimeoutException)) {
        throw KafkaErrors.translate(
            "asking the brokers at " + addresses, e, settings.remedyOfDenial());
      }
      Optional<String> unreachable = BrokerAddresses.unreachable(settings.admin());
      if (unreachable.isPresent()) {
        throw new BrokerException(Code.RETRIABLE, unreachable.get(), e);
      }
      boolean again = silent;
      silent = true;
      if (again) {
        throw new BrokerException(
            Code.RETRIABLE,
            "the brokers at "
                + addresses
                + " take connections, and do not answer: does one hang, does"
                + " kafka.security.protocol fit that listener, and can the addresses that it"
                + " advertises be reached from here?",
            e);
      }
      return false;
    }
  }

  private Admin admin() throws BrokerException {
    Admin current = admin;
    if (current == null) {
      Map<String, Object> properties = new HashMap<>(ClientSettings.admin(settings));
      properties.put("default.api.timeout.ms", ANSWER_WITHIN_MS);
      properties.put("request.timeout.ms", ANSWER_WITHIN_MS);
      properties.put("client.id", "blkcast-watch");
      try {
        current = Admin.create(properties);
      } catch (RuntimeException e) {
        throw KafkaErrors.translate(
            "making Kafka's clients for " + String.join(", ", BrokerAddresses.of(settings.admin())),
            e,
            settings.remedyOfDenial());
      }
      admin = current;
    }
    return current;
  }

  private Map<String, TopicDescription> describe(Admin asked)
      throws ExecutionException, InterruptedException {
    Map<String, TopicDescription> topics = new HashMap<>();
    Map<String, KafkaFuture<TopicDescription>> futures =
        asked.describeTopics(specs.stream().map(TopicSpec::name).toList()).topicNameValues();
    for (Map.Entry<String, KafkaFuture<TopicDescription>> future : futures.entrySet()) {
      try {
        topics.put(future.getKey(), future.getValue().get());
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
          throw e;
        }
      }
    }
    return topics;
  }

  /** Topics that have an id which they never had before, since they were seen first. */
  Set<String> renewed(Map<String, TopicDescription> topics) {
    Set<String> renewed = new TreeSet<>();
    topics.forEach(
        (name, topic) -> {
          if (topic.topicId().equals(Uuid.ZERO_UUID)) {
            return;
          }
          Set<Uuid> before = ids.computeIfAbsent(name, ignored -> new HashSet<>());
          // One that was deleted before it was ever seen here was missing in between.
          boolean first = before.isEmpty() && !missingSince.containsKey(name);
          if (before.add(topic.topicId()) && !first) {
            LOG.warn("topic {} was deleted and made anew: what it held is gone", name);
            renewed.add(name);
          }
        });
    return renewed;
  }

  /** Fails with what is missing; makes it when nobody else has for a while. */
  private void requireAll(Admin asked, Map<String, TopicDescription> topics, boolean made)
      throws BrokerException {
    missingSince.keySet().removeAll(topics.keySet());
    if (!made) {
      return;
    }
    long now = System.nanoTime();
    boolean due = false;
    for (TopicSpec spec : specs) {
      if (!topics.containsKey(spec.name())) {
        long since = missingSince.computeIfAbsent(spec.name(), ignored -> now);
        due |= now - since > GRACE.toNanos();
      }
    }
    // Not every broker knows of a new topic at once.
    List<String> missing =
        missingSince.entrySet().stream()
            .filter(topic -> now - topic.getValue() > UNSETTLED.toNanos())
            .map(Map.Entry::getKey)
            .toList();
    if (missing.isEmpty()) {
      return;
    }
    String what =
        missing.size() == 1
            ? "topic " + missing.get(0) + " is missing"
            : "topics " + String.join(", ", missing) + " are missing";
    if (due) {
      try {
        new TopicSetup(asked, specs, settings.replicationFactor(), settings.remedyOfDenial())
            .make();
      } catch (BrokerException e) {
        throw new BrokerException(e.code(), what + " and cannot be made: " + e.getMessage(), e);
      }
      LOG.warn("{}: made anew, with the settings that it should have", what);
      return;
    }
    throw new BrokerException(
        Code.RETRIABLE,
        what
            + "; deleted? Nothing can be published meanwhile. What is missing is made anew after "
            + GRACE.toSeconds()
            + " s, unless somebody else does so before");
  }

  private List<TopicPartition> transactional(Map<String, TopicDescription> topics) {
    List<TopicPartition> partitions = new ArrayList<>();
    for (String name :
        List.of(
            settings.topics().increments(),
            settings.topics().checkpoints(),
            settings.topics().chunks())) {
      TopicDescription topic = topics.get(name);
      if (topic != null) {
        for (TopicPartitionInfo partition : topic.partitions()) {
          if (partition.leader() != null) {
            partitions.add(new TopicPartition(name, partition.partition()));
          }
        }
      }
    }
    return partitions;
  }

  /** Lets the client go; it is made again when needed. */
  @Override
  public void close() {
    Admin current = admin;
    admin = null;
    if (current != null) {
      current.close(Duration.ZERO);
    }
  }
}
