package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.codec.TopicNames;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Tries everything that can be done to the topics as somebody, and notes who may. */
final class Attempts implements AutoCloseable {

  private static final String ELSEWHERE = "elsewhere";
  private static final Duration POLL = Duration.ofSeconds(30);

  private final Admin administrator;
  private final String prefix;
  private final List<String> topics;

  Attempts(String bootstrap, String prefix) {
    this.administrator = Admin.create(Map.of("bootstrap.servers", bootstrap));
    this.prefix = prefix;
    this.topics = new ArrayList<>(new TopicNames(prefix).all());
    topics.add(prefix + ELSEWHERE);
    this.bootstrap = bootstrap;
  }

  private final String bootstrap;

  /** Puts a record into every topic, so that who may read gets one. */
  void fill() throws Exception {
    administrator.createTopics(List.of(new NewTopic(prefix + ELSEWHERE, 1, (short) 1))).all().get();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (String topic : topics) {
        producer.send(new ProducerRecord<>(topic, new byte[] {1}, new byte[] {1})).get();
      }
    }
  }

  /** What can be tried; throws what the brokers answer. */
  @FunctionalInterface
  private interface Attempt {
    void make(Map<String, Object> settings) throws Exception;
  }

  /**
   * Tries everything as everybody.
   *
   * @return by attempt, who succeeded, in the order given; everybody else was denied
   */
  Map<String, String> of(
      String volume, Map<String, Map<String, String>> users, List<String> order) {
    Map<String, String> allowed = new TreeMap<>();
    attempts(volume)
        .forEach(
            (what, attempt) ->
                allowed.put(
                    what,
                    String.join(
                        " ",
                        order.stream()
                            .filter(user -> succeeds(attempt, users.get(user), what, user))
                            .toList())));
    return allowed;
  }

  private static boolean succeeds(
      Attempt attempt, Map<String, String> user, String what, String name) {
    Map<String, Object> settings = new HashMap<>(user);
    settings.put("default.api.timeout.ms", "30000");
    try {
      attempt.make(settings);
      return true;
    } catch (Exception e) {
      // A producer that is denied its id before it sends says so by the cause only.
      Throwable cause = e;
      while (!(cause instanceof AuthorizationException) && cause.getCause() != null) {
        cause = cause.getCause();
      }
      assertThat(cause).as("%s as %s", what, name).isInstanceOf(AuthorizationException.class);
      return false;
    }
  }

  private Map<String, Attempt> attempts(String volume) {
    Map<String, Attempt> all = new LinkedHashMap<>();
    for (String topic : topics) {
      String name = topic.substring(prefix.length());
      all.put("write " + name, settings -> write(settings, topic));
      all.put("read " + name, settings -> read(settings, topic));
    }
    for (String id : List.of(prefix + volume, prefix + "other")) {
      all.put("commit as " + id, settings -> commit(settings, id));
    }
    all.put("join group", Attempts::commitOffsets);
    String chunks = prefix + "chunks";
    TopicPartition partition = new TopicPartition(chunks, 0);
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, chunks);
    all.put(
        "make a topic",
        admin(a -> a.createTopics(List.of(new NewTopic(prefix + "new", 1, (short) 1))).all()));
    all.put("delete a topic", admin(a -> a.deleteTopics(List.of(chunks)).all()));
    all.put(
        "delete records",
        admin(a -> a.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(1))).all()));
    all.put(
        "change a topic",
        admin(
            a ->
                a.incrementalAlterConfigs(
                        Map.of(
                            topic,
                            List.of(
                                new AlterConfigOp(
                                    new ConfigEntry("retention.ms", "1"),
                                    AlterConfigOp.OpType.SET))))
                    .all()));
    all.put(
        "add partitions",
        admin(a -> a.createPartitions(Map.of(chunks, NewPartitions.increaseTo(9))).all()));
    all.put(
        "grant",
        admin(
            a ->
                a.createAcls(
                        List.of(
                            new AclBinding(
                                new ResourcePattern(
                                    ResourceType.TOPIC, chunks, PatternType.LITERAL),
                                new AccessControlEntry(
                                    "User:stranger",
                                    "*",
                                    AclOperation.ALL,
                                    AclPermissionType.ALLOW))))
                    .all()));
    all.put("read grants", admin(a -> a.describeAcls(AclBindingFilter.ANY).values()));
    all.put(
        "change a password",
        admin(
            a ->
                a.alterUserScramCredentials(
                        List.of(
                            new UserScramCredentialUpsertion(
                                "exporter",
                                new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096),
                                "x")))
                    .all()));
    return all;
  }

  private static Attempt admin(
      java.util.function.Function<Admin, org.apache.kafka.common.KafkaFuture<?>> call) {
    return settings -> {
      try (Admin admin = Admin.create(settings)) {
        call.apply(admin).get();
      }
    };
  }

  private static void write(Map<String, Object> settings, String topic) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = producer(settings)) {
      producer.send(new ProducerRecord<>(topic, new byte[] {1}, new byte[] {1})).get();
    }
  }

  private static KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static void read(Map<String, Object> settings, String topic) {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seek(partition, 0);
      assertThat(consumer.poll(POLL)).isNotEmpty();
    }
  }

  /** Takes a transactional id over; sends nothing, which is another right. */
  private static void commit(Map<String, Object> settings, String id) {
    Map<String, Object> transactional = new HashMap<>(settings);
    transactional.put("transactional.id", id);
    try (KafkaProducer<byte[], byte[]> producer = producer(transactional)) {
      producer.initTransactions();
    }
  }

  private static void commitOffsets(Map<String, Object> settings) {
    Map<String, Object> grouped = new HashMap<>(settings);
    grouped.put("group.id", "group");
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(grouped, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      TopicPartition partition = new TopicPartition("blkcast.increments", 0);
      consumer.assign(List.of(partition));
      consumer.commitSync(Map.of(partition, new OffsetAndMetadata(0)));
    }
  }

  @Override
  public void close() {
    administrator.close();
  }
}
