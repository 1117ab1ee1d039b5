package io.blkcast.exporter;

import static io.blkcast.exporter.Scene.await;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import io.blkcast.schema.IncrementKind;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever is wrong with one thing, disks are served, the others work, and it is named. */
class TroubleIT {

  private static final Duration PATIENCE = Duration.ofMinutes(3);

  /** What is promised is ten seconds; machines that run these tests may be busy. */
  private static final Duration NAMED_WITHIN = Duration.ofSeconds(40);

  private EmbeddedBroker broker;
  private Admin admin;

  @TempDir Path directory;

  @BeforeEach
  void start() throws Exception {
    broker = EmbeddedBroker.builder().setting("auto.create.topics.enable", "false").build();
    broker.start();
    admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
  }

  @AfterEach
  void stop() {
    admin.close(Duration.ZERO);
    broker.close();
  }

  /** Volumes one and two, 64 and 16 MiB. */
  private Scene scene() {
    return new Scene(directory, broker.bootstrapServers(), "one")
        .more("  - { name: two, path: %s/two.img, size: 16MiB }");
  }

  private URI nbdOfTwo() {
    return URI.create("nbd+unix:///two?socket=" + directory.resolve("nbd.sock"));
  }

  private void assertBothServed(Scene scene) throws Exception {
    scene.write("write -P 0x11 0 64k", "read -P 0x11 0 64k");
    Tools.qemuIo(nbdOfTwo(), "write -P 0x22 0 64k", "read -P 0x22 0 64k");
  }

  private static void awaitReason(String management, String... words) {
    await()
        .atMost(NAMED_WITHIN)
        .untilAsserted(
            () -> assertThat(Scene.call("GET", management + "/readyz").body()).contains(words));
  }

  private static void awaitReady(String management) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () ->
                assertThat(Scene.call("GET", management + "/readyz"))
                    .satisfies(
                        answer ->
                            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200)));
  }

  private static void increment(String api, String volume) throws Exception {
    var answer = Scene.call("POST", api + "/api/v1/volumes/" + volume + "/increments?wait=true");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
  }

  private void topic(String name, Map<String, String> settings) throws Exception {
    admin.createTopics(List.of(new NewTopic(name, 1, (short) 1).configs(settings))).all().get();
  }

  private void set(String topic, String key, String value) throws Exception {
    admin
        .incrementalAlterConfigs(
            Map.of(
                new ConfigResource(ConfigResource.Type.TOPIC, topic),
                List.of(new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET))))
        .all()
        .get();
  }

  @Test
  @NeedsTool("qemu-io")
  void topics_that_would_lose_data_are_named_while_disks_are_served() throws Exception {
    topic("blkcast.chunks", Map.of("cleanup.policy", "compact"));
    Scene scene = scene();
    try (ForkedExporter exporter = ForkedExporter.start(scene)) {
      awaitReason(
          exporter.management,
          "volume one",
          "volume two",
          "--topic blkcast.chunks --add-config cleanup.policy=delete");
      assertBothServed(scene);
      assertThat(exporter.process.isAlive()).as(exporter.output()).isTrue();
      set("blkcast.chunks", "cleanup.policy", "delete");
      assertThat(Scene.call("POST", exporter.volume(scene) + "/increments?wait=true").statusCode())
          .as(exporter.output())
          .isEqualTo(200);
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void a_topic_that_is_too_small_for_one_volume_keeps_no_other_from_work() throws Exception {
    topic("blkcast.chunks", Map.of("max.message.bytes", "600000"));
    Scene large =
        new Scene(directory, broker.bootstrapServers(), "one")
            .volumeSetting("chunkSize: 1MiB")
            .more("  - { name: two, path: %s/two.img, size: 16MiB }");
    try (ForkedExporter exporter = ForkedExporter.start(large)) {
      awaitReason(exporter.management, "volume one", "--add-config max.message.bytes=");
      increment(exporter.api, "two");
      assertBothServed(large);
      assertThat(Scene.call("GET", exporter.management + "/readyz").body())
          .doesNotContain("volume two");
      assertThat(exporter.process.isAlive()).isTrue();
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void a_registry_that_refuses_is_named_while_disks_are_served() throws Exception {
    HttpServer registry =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    registry.createContext(
        "/",
        exchange -> {
          byte[] body = "{\"message\": \"not so\"}".getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(409, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    registry.start();
    Scene scene =
        scene()
            .more(
                "schemaRegistry: { url: \"http://127.0.0.1:"
                    + registry.getAddress().getPort()
                    + "\" }");
    try (ForkedExporter exporter = ForkedExporter.start(scene)) {
      awaitReason(exporter.management, "volume one", "volume two", "409 not so");
      assertBothServed(scene);
      assertThat(exporter.process.isAlive()).as(exporter.output()).isTrue();
    } finally {
      registry.stop(0);
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void a_checkpoint_that_cannot_be_read_keeps_no_other_volume_from_work() throws Exception {
    topic("blkcast.checkpoints", Map.of("cleanup.policy", "compact"));
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
      byte[] garbage = {(byte) 0xc3, 1, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 1};
      producer
          .send(new ProducerRecord<>("blkcast.checkpoints", bytes("one"), garbage))
          .get(60, TimeUnit.SECONDS);
    }
    Scene scene = scene();
    try (ForkedExporter exporter = ForkedExporter.start(scene)) {
      increment(exporter.api, "two");
      assertBothServed(scene);
      assertThat(exporter.process.isAlive()).as(exporter.output()).isTrue();
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void an_image_that_is_missing_keeps_no_other_disk_from_being_served() throws Exception {
    Path missing = directory.resolve("away/late.img");
    Scene scene =
        new Scene(directory, broker.bootstrapServers(), "one")
            .more("  - { name: late, path: %s/away/late.img }");
    Exporter exporter = scene.start();
    String management = "http://" + exporter.managementAddress();
    try {
      scene.write("write -P 0x11 0 64k");
      await(exporter.increment("one"));
      awaitReason(management, "volume late", "there is no image " + missing);
      assertThat(exporter.nbdUri("late")).isEmpty();

      Files.createDirectories(missing.getParent());
      Files.write(missing, new byte[1 << 20]);
      awaitReady(management);
      Tools.qemuIo(requireNonNull(exporter.nbdUri("late").orElse(null)), "write -P 0x33 0 64k");
      await(exporter.increment("late"));
      assertThat(Replay.of(broker.bootstrapServers(), "late").content)
          .isEqualTo(Files.readAllBytes(missing));
    } finally {
      await(exporter.close());
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void brokers_that_are_away_are_named_with_address_and_cause() throws Exception {
    broker.stop();
    Scene scene = scene();
    Exporter exporter = scene.start();
    String management = "http://" + exporter.managementAddress();
    try {
      awaitReason(management, broker.bootstrapServers(), "Connection refused");
      assertThat(exporter.progress("one").lastError().orElseThrow().message())
          .contains("Connection refused");
      assertBothServed(scene);
      broker.start();
      awaitReady(management);
      await(exporter.increment("one"));
      assertThat(exporter.progress("one").lastError()).isEmpty();
    } finally {
      await(exporter.close());
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void a_deleted_topic_is_named_and_made_again_and_the_volume_published_whole() throws Exception {
    Scene scene = scene();
    Exporter exporter = scene.start();
    String management = "http://" + exporter.managementAddress();
    try {
      awaitReady(management);
      scene.write("write -P 0x11 0 1M");
      await(exporter.increment("one"));
      admin.deleteTopics(List.of("blkcast.chunks")).all().get();
      awaitReason(management, "topic blkcast.chunks is missing");
      assertThat(exporter.progress("one").lastError().orElseThrow().message())
          .contains("topic blkcast.chunks is missing");
      awaitReady(management);
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(Replay.of(broker.bootstrapServers(), "one").committed)
                      .singleElement()
                      .satisfies(m -> assertThat(m.getKind()).isEqualTo(IncrementKind.BASELINE)));
      assertThat(Replay.of(broker.bootstrapServers(), "one").content).isEqualTo(scene.content());
    } finally {
      await(exporter.close());
    }
  }

  @Test
  void a_transaction_that_hangs_is_named_with_its_owner_and_its_end_noticed() throws Exception {
    Scene scene = scene();
    Exporter exporter = scene.start();
    String management = "http://" + exporter.managementAddress();
    try (KafkaProducer<byte[], byte[]> foreign =
        producer(Map.of("transactional.id", "foreign-tx", "transaction.timeout.ms", "600000"))) {
      awaitReady(management);
      foreign.initTransactions();
      foreign.beginTransaction();
      foreign
          .send(new ProducerRecord<>("blkcast.increments", bytes("x"), bytes("x")))
          .get(60, TimeUnit.SECONDS);
      awaitReason(management, "transactional.id foreign-tx", "hangs on blkcast.increments-0");
      foreign.abortTransaction();
      awaitReady(management);
    } finally {
      await(exporter.close());
    }
  }

  private KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
    Map<String, Object> settings = new java.util.HashMap<>(more);
    settings.put("bootstrap.servers", broker.bootstrapServers());
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
