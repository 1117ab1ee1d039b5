package io.blkcast.exporter.publish;

import static io.blkcast.exporter.publish.PublishFixture.header;
import static io.blkcast.exporter.publish.PublishFixture.send;
import static io.blkcast.exporter.publish.PublishFixture.volume;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.RecordCodec;
import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.exporter.publish.VolumePublisher.Known;
import io.blkcast.exporter.publish.VolumePublisher.Opened;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.testkit.EmbeddedBroker;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a stranger, an administrator or an older backup puts into the topics of a volume. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class ForeignRecordsIT {

  private static final RecordCodec CODEC = RecordCodec.singleObject();

  private static EmbeddedBroker broker;

  private final PublishFixture kafka = new PublishFixture(broker);

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.started();
  }

  @AfterAll
  static void stop() {
    broker.close();
  }

  private static Committed commit(VolumePublisher publisher, Optional<Checkpoint> parent)
      throws Exception {
    Attempt attempt = publisher.begin(header(parent, 2));
    send(attempt, 2, 9);
    return attempt.commit(link -> {});
  }

  private static Known known(Committed committed) {
    return new Known(Optional.of(committed.link()), Optional.empty(), committed.read(), false);
  }

  private long put(String topic, byte[] value, String owner) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = plain(Map.of())) {
      ProducerRecord<byte[], byte[]> record =
          new ProducerRecord<>(topic, "a".getBytes(StandardCharsets.UTF_8), value);
      record
          .headers()
          .add(CheckpointReader.OWNER_HEADER, owner.getBytes(StandardCharsets.US_ASCII));
      return producer.send(record).get().offset();
    }
  }

  private long put(String topic, SpecificRecordBase value) throws Exception {
    return put(topic, CODEC.encode(topic, value), UUID.randomUUID().toString());
  }

  private KafkaProducer<byte[], byte[]> plain(Map<String, Object> more) {
    Map<String, Object> settings = new HashMap<>(more);
    settings.put("bootstrap.servers", kafka.bootstrap);
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /** A DELTA on the last increment that fits it in everything that a consumer can check. */
  private static IncrementCommitted forged(Committed last) {
    IncrementCommitted manifest =
        IncrementCommitted.newBuilder(last.manifest())
            .setIncrementId(UUID.randomUUID())
            .setParentIncrementId(last.manifest().getIncrementId())
            .setChainLength(last.manifest().getChainLength() + 1)
            .build();
    return manifest;
  }

  @Test
  void a_forged_increment_before_a_commit_ends_the_attempt_and_names_the_record() throws Exception {
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Committed first = commit(publisher, Optional.empty());
      Committed second = commit(publisher, Optional.of(first.checkpoint()));
      long offset = put(kafka.names.increments(), forged(second));

      assertThatThrownBy(() -> commit(publisher, Optional.of(second.checkpoint())))
          .isInstanceOfSatisfying(
              BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.FOREIGN))
          .hasMessageContaining("offset " + offset + " of " + kafka.names.increments() + "-0");
      assertThat(publisher.open(known(second)).foreign()).isPresent();
      Committed healed = commit(publisher, Optional.empty());
      commit(publisher, Optional.of(healed.checkpoint()));
    }
  }

  @Test
  void a_forged_checkpoint_before_a_commit_ends_the_attempt_and_is_not_ours() throws Exception {
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Committed first = commit(publisher, Optional.empty());
      put(kafka.names.checkpoints(), RecordFactory.checkpoint(forged(first)));

      assertThatThrownBy(() -> commit(publisher, Optional.of(first.checkpoint())))
          .isInstanceOfSatisfying(
              BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.FOREIGN));
      Opened opened = publisher.open(known(first));
      assertThat(opened.digest()).isNotEqualTo(Optional.of(first.link().checkpoint()));
      commit(publisher, Optional.empty());
    }
  }

  @Test
  void a_forgery_while_no_exporter_runs_is_found_by_the_next() throws Exception {
    Committed last;
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      last = commit(publisher, Optional.empty());
    }
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      Opened opened = publisher.open(known(last));
      assertThat(opened.foreign()).as("nothing but our own").isEmpty();
      assertThat(opened.digest()).isEqualTo(Optional.of(last.link().checkpoint()));
    }
    put(kafka.names.increments(), forged(last));
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      assertThat(publisher.open(known(last)).foreign()).isPresent();
    }
  }

  @Test
  void what_is_no_checkpoint_of_the_volume_is_told_and_does_not_keep_it_from_opening()
      throws Exception {
    Committed last;
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      last = commit(publisher, Optional.empty());
    }
    Checkpoint other = Checkpoint.newBuilder(last.checkpoint()).setVolume("b").build();
    for (byte[] garbage :
        List.of(
            new byte[0],
            new byte[] {0, 0, 0, 0, 0, 1, 2, 3},
            new byte[] {(byte) 0xc3, 1},
            new byte[] {(byte) 0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9},
            CODEC.encode(kafka.names.checkpoints(), last.manifest()),
            CODEC.encode(kafka.names.checkpoints(), other))) {
      put(kafka.names.checkpoints(), garbage, "someone");
      try (Publishers exporter = kafka.exporter(volume("a"));
          VolumePublisher publisher = exporter.volume("a")) {
        Opened opened = publisher.open(known(last));
        assertThat(opened.problem()).isPresent();
        assertThat(opened.checkpoint()).isEmpty();
        last = commit(publisher, Optional.empty());
      }
    }
  }

  @Test
  void the_header_of_another_owner_shuts_nobody_out() throws Exception {
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      Committed last = commit(publisher, Optional.empty());
      put(kafka.names.checkpoints(), last.checkpoint());
      Opened opened = publisher.open(known(last));
      assertThat(opened.digest()).isEqualTo(Optional.of(last.link().checkpoint()));
      last = commit(publisher, Optional.of(last.checkpoint()));

      // Nor where the transactional id was used as well, but for no commit.
      put(kafka.names.checkpoints(), last.checkpoint());
      useTransactionalId();
      Optional<Checkpoint> parent = Optional.of(last.checkpoint());
      assertThatThrownBy(() -> commit(publisher, parent))
          .isInstanceOfSatisfying(
              BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.RETRIABLE));
      assertThat(publisher.open(known(last)).checkpoint()).isEqualTo(parent);
      commit(publisher, parent);
    }
  }

  private void useTransactionalId() {
    try (KafkaProducer<byte[], byte[]> producer =
        plain(Map.of("transactional.id", kafka.names.prefix() + "a"))) {
      producer.initTransactions();
    }
  }

  @Test
  void checkpoints_made_anew_while_running_shut_nobody_out() throws Exception {
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a");
        Admin admin = kafka.admin()) {
      PublishFixture.open(publisher);
      Committed last = commit(publisher, Optional.empty());
      admin.deleteTopics(List.of(kafka.names.checkpoints())).all().get();
      org.awaitility.Awaitility.await()
          .ignoreExceptions()
          .until(
              () -> {
                admin
                    .createTopics(
                        List.of(
                            new NewTopic(kafka.names.checkpoints(), 1, (short) 1)
                                .configs(Map.of("cleanup.policy", "compact"))))
                    .all()
                    .get();
                return true;
              });
      useTransactionalId();
      Optional<Checkpoint> parent = Optional.of(last.checkpoint());
      assertThatThrownBy(() -> commit(publisher, parent))
          .isInstanceOfSatisfying(
              BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.RETRIABLE));
      Opened opened = publisher.open(known(last));
      assertThat(opened.checkpoint()).isEmpty();
      assertThat(opened.problem()).isEmpty();
      commit(publisher, Optional.empty());
    }
  }

  /** As an older backup of the brokers' disks, or an unclean election, leaves it. */
  @Test
  void a_topic_that_ends_before_the_place_is_read_from_its_beginning() throws Exception {
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a");
        Admin admin = kafka.admin()) {
      PublishFixture.open(publisher);
      commit(publisher, Optional.empty());
      Place end = KeyScan.end(admin, kafka.names.checkpoints());
      Map<Integer, Long> further = new HashMap<>(end.next());
      further.replaceAll((partition, offset) -> offset + 100);
      assertThat(found(admin, end)).isEmpty();
      assertThat(found(admin, new Place(end.topicId(), further))).hasSize(2);
    }
  }

  /** What is found of the volume from there on, up to what is stable and up to all. */
  private List<Long> found(Admin admin, Place from) throws Exception {
    List<List<Long>> found = new ArrayList<>();
    for (IsolationLevel upTo : IsolationLevel.values()) {
      List<Long> offsets = new ArrayList<>();
      try (KafkaConsumer<byte[], byte[]> consumer =
          new KafkaConsumer<>(
              Map.of("bootstrap.servers", kafka.bootstrap, "isolation.level", "read_committed"),
              new ByteArrayDeserializer(),
              new ByteArrayDeserializer())) {
        new KeyScan(
                admin,
                consumer,
                "a".getBytes(StandardCharsets.UTF_8),
                Duration.ofSeconds(20),
                Duration.ofSeconds(20))
            .scan(
                kafka.names.checkpoints(),
                Optional.of(from),
                upTo,
                record -> offsets.add(record.offset()));
      }
      found.add(offsets);
    }
    assertThat(found.get(0)).isEqualTo(found.get(1));
    return found.get(0);
  }

  @Test
  void added_partitions_leave_the_last_checkpoint_the_last() throws Exception {
    try (Admin admin = kafka.admin()) {
      Committed last;
      try (Publishers exporter = kafka.exporter(volume("a"));
          VolumePublisher publisher = exporter.volume("a")) {
        PublishFixture.open(publisher);
        last = commit(publisher, Optional.empty());
        admin
            .createPartitions(Map.of(kafka.names.checkpoints(), NewPartitions.increaseTo(7)))
            .all()
            .get();
        assertThat(publisher.open(known(last)).checkpoint()).contains(last.checkpoint());
        last = commit(publisher, Optional.of(last.checkpoint()));
      }
      for (int i = 0; i < 2; i++) {
        try (Publishers exporter = kafka.exporter(volume("a"));
            VolumePublisher publisher = exporter.volume("a")) {
          Opened opened = publisher.open(known(last));
          assertThat(opened.digest()).isEqualTo(Optional.of(last.link().checkpoint()));
          last = commit(publisher, opened.checkpoint());
        }
      }
    }
  }

  @Test
  void an_older_checkpoint_of_ours_written_again_is_not_the_last() throws Exception {
    Committed first;
    Committed last;
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      PublishFixture.open(publisher);
      first = commit(publisher, Optional.empty());
      last = commit(publisher, Optional.of(first.checkpoint()));
    }
    put(kafka.names.checkpoints(), first.checkpoint());
    try (Publishers exporter = kafka.exporter(volume("a"));
        VolumePublisher publisher = exporter.volume("a")) {
      Opened opened = publisher.open(known(last));
      assertThat(opened.checkpoint()).contains(first.checkpoint());
      assertThat(opened.digest()).isNotEqualTo(Optional.of(last.link().checkpoint()));
    }
  }

  @Test
  void who_may_and_wants_to_takes_a_volume_back_from_another() throws Exception {
    try (Publishers one = kafka.exporter(volume("a"));
        VolumePublisher first = one.volume("a");
        Publishers two = kafka.exporter(volume("a"));
        VolumePublisher second = two.volume("a")) {
      PublishFixture.open(first);
      PublishFixture.open(second);
      assertFenced(first);
      assertFenced(first);
      first.open(new Known(Optional.empty(), Optional.empty(), Optional.empty(), true));
      assertFenced(second);
      commit(first, Optional.empty());
    }
  }

  private static void assertFenced(VolumePublisher publisher) {
    assertThatThrownBy(() -> PublishFixture.open(publisher))
        .isInstanceOfSatisfying(
            BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.FENCED))
        .hasMessageContaining("blkcast resume a");
  }
}
