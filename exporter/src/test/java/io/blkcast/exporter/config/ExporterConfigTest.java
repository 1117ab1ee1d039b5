package io.blkcast.exporter.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.blkcast.config.ConfigException;
import io.blkcast.config.HostPort;
import io.blkcast.exporter.config.VolumeConfig.Compression;
import io.blkcast.kafka.KafkaConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExporterConfigTest {

  private static final String WHOLE =
      """
      kafka:
        bootstrap.servers: "a:9092,b:9092"
        sasl.jaas.config: 'org.apache.kafka.X required username="u" password="hunter2";'
        producer: { linger.ms: 20 }
        producer.compression.type: lz4
        consumer: { fetch.max.bytes: 1000000 }
      topics: { prefix: "prod.", partitions: 4, replicationFactor: default }
      schemaRegistry: { url: "" }
      volumes:
        - name: db01-data
          source: disk
          path: /srv/db01.img
          size: 10GiB
          differenceStorage: { path: /var/tmp/db01.diff, limit: 2GiB }
          triggers: { every: 15m, changedBytes: 1GiB }
          chunkSize: 128KiB
          blockSize: 64KiB
          compression: zstd
          partitions: 2
          group: db
      nbd: { listen: "127.0.0.1:10809", socket: /run/blkcast.sock, clientsPerExport: 8 }
      http: { listen: "0.0.0.0:80" }
      management: { listen: "[::1]:0" }
      limits: { inFlight: 32MiB, inFlightPerVolume: 8MiB, readers: 2 }
      state: /srv/state
      """;

  private static final String LEAST =
      """
      kafka: {bootstrap.servers: "localhost:9092"}
      volumes:
        - name: a
          path: a.img
      """;

  private static ExporterConfig parse(String yaml) throws ConfigException {
    return ExporterConfig.parse("x.yaml", withBrokers(yaml), Map.of());
  }

  /** What each configuration with volumes needs as well, at its end: places stay as they are. */
  private static String withBrokers(String yaml) {
    return yaml.contains("kafka:") || !yaml.contains("volumes:\n")
        ? yaml
        : yaml + "kafka: {bootstrap.servers: 'localhost:9092'}\n";
  }

  private static List<String> problems(String yaml, Map<String, String> environment) {
    ConfigException e =
        catchThrowableOfType(
            ConfigException.class,
            () -> ExporterConfig.parse("x.yaml", withBrokers(yaml), environment));
    assertThat(e).as("refused").isNotNull();
    return e.problems();
  }

  private static List<String> problems(String yaml) {
    return problems(yaml, Map.of());
  }

  @Test
  void every_key_of_the_file_is_read() throws Exception {
    ExporterConfig config = parse(WHOLE);
    VolumeConfig volume = config.volumes().get(0);
    assertThat(config.topics().prefix()).isEqualTo("prod.");
    assertThat(config.topics().partitions()).isEqualTo(4);
    assertThat(config.topics().replicationFactor()).isEmpty();
    assertThat(config.schemaRegistry()).isEmpty();
    assertThat(volume.name()).isEqualTo("db01-data");
    assertThat(volume.path()).isEqualTo(Path.of("/srv/db01.img"));
    assertThat(volume.sizeBytes()).hasValue(10L << 30);
    assertThat(volume.differenceStorage().path()).contains(Path.of("/var/tmp/db01.diff"));
    assertThat(volume.differenceStorage().limitBytes()).hasValue(2L << 30);
    assertThat(volume.triggers().every()).contains(Duration.ofMinutes(15));
    assertThat(volume.triggers().changedBytes()).hasValue(1L << 30);
    assertThat(volume.chunkBytes()).isEqualTo(128 << 10);
    assertThat(volume.compression()).isEqualTo(Compression.ZSTD);
    assertThat(volume.stripes()).isEqualTo(2);
    assertThat(volume.group()).contains("db");
    assertThat(config.nbd().listen()).contains(new HostPort("127.0.0.1", 10809));
    assertThat(config.nbd().socket()).contains(Path.of("/run/blkcast.sock"));
    assertThat(config.nbd().clientsPerExport()).isEqualTo(8);
    assertThat(config.http()).isEqualTo(new HostPort("0.0.0.0", 80));
    assertThat(config.management()).isEqualTo(new HostPort("::1", 0));
    assertThat(config.limits().inFlightBytes()).isEqualTo(32 << 20);
    assertThat(config.limits().inFlightBytesPerVolume()).isEqualTo(8 << 20);
    assertThat(config.limits().readers()).isEqualTo(2);
    assertThat(config.state()).isEqualTo(Path.of("/srv/state"));
  }

  @Test
  void kafka_properties_pass_through_and_those_of_one_client_win() throws Exception {
    KafkaConfig kafka = parse(WHOLE).kafka();
    assertThat(kafka.producer())
        .containsEntry("bootstrap.servers", "a:9092,b:9092")
        .containsEntry("linger.ms", "20")
        .containsEntry("compression.type", "lz4")
        .containsKey("sasl.jaas.config")
        .doesNotContainKeys("fetch.max.bytes", "producer.linger.ms");
    assertThat(kafka.consumer())
        .containsEntry("fetch.max.bytes", "1000000")
        .doesNotContainKey("linger.ms");
    assertThat(kafka.admin()).doesNotContainKeys("linger.ms", "fetch.max.bytes");
  }

  @Test
  void what_no_client_of_kafka_knows_is_refused_with_the_nearest_key() {
    String volumes = "volumes: [{name: a, path: a.img}]\n";
    assertThat(problems(volumes + "kafka:\n  bootstrap.servers: k:1\n  sasl.mechansm: PLAIN\n"))
        .containsExactly(
            "x.yaml:4:18: kafka.sasl.mechansm: no client of Kafka knows it;"
                + " did you mean 'sasl.mechanism'?");
    assertThat(
            problems(
                volumes
                    + "kafka:\n  bootstrap.servers: k:1\n  producer:\n    liger.ms: 5\n"
                    + "  consumer: {fetch.max.bytes: many}\n"))
        .satisfiesExactly(
            key ->
                assertThat(key)
                    .startsWith("x.yaml:5:")
                    .contains("did you mean 'producer.linger.ms'?"),
            value ->
                assertThat(value)
                    .startsWith("x.yaml:6:")
                    .contains("kafka.consumer.fetch.max.bytes", "many"));
    assertThat(problems(LEAST, Map.of("BLKCAST_KAFKA_SASL_MECHANSM", "PLAIN")))
        .singleElement()
        .asString()
        .contains("BLKCAST_KAFKA_SASL_MECHANSM", "did you mean 'sasl.mechanism'?");
  }

  @Test
  void keys_of_plugins_pass() throws Exception {
    assertThat(parse(LEAST.replace("}", ", com.example.vault.address: v}")).kafka().producer())
        .containsEntry("com.example.vault.address", "v");
  }

  @ParameterizedTest
  @CsvSource({
    "localhost:10809, 127.0.0.1:10809, 127.0.0.1:8081, http",
    "0.0.0.0:8080, 127.0.0.1:8080, 127.0.0.1:8081, http",
    "127.0.0.1:8081, 127.0.0.1:8080, '[::]:8081', management",
    "10.0.0.1:8080, 10.0.0.1:8080, 127.0.0.1:8081, http",
  })
  void no_two_servers_listen_on_one_address(String nbd, String http, String api, String wrong) {
    assertThat(problems(LEAST + listeners(nbd, http, api)))
        .singleElement()
        .asString()
        .contains(": " + wrong + ": listens on ", "port of its own");
  }

  @Test
  void servers_on_ports_that_the_system_chooses_or_on_other_addresses_do_not_clash()
      throws Exception {
    parse(LEAST + listeners("0.0.0.0:0", "127.0.0.1:0", "127.0.0.1:0"));
    assertThat(parse(LEAST + listeners("10.0.0.1:80", "10.0.0.2:80", "127.0.0.1:80")).http())
        .isEqualTo(new HostPort("10.0.0.2", 80));
  }

  private static String listeners(String nbd, String http, String management) {
    return "nbd: {listen: '%s'}\nhttp: {listen: '%s'}\nmanagement: {listen: '%s'}\n"
        .formatted(nbd, http, management);
  }

  @Test
  void little_need_be_said() throws Exception {
    ExporterConfig config = parse(LEAST);
    assertThat(config.kafka().producer()).containsEntry("bootstrap.servers", "localhost:9092");
    assertThat(config.volumes().get(0).chunkBytes()).isEqualTo(256 << 10);
    assertThat(config.nbd().clientsPerExport()).isEqualTo(32);
    assertThat(config.http()).isEqualTo(new HostPort("127.0.0.1", 8080));
  }

  @Test
  void secrets_are_not_printed() throws Exception {
    assertThat(parse(WHOLE).toString()).doesNotContain("hunter2").contains("a:9092");
  }

  @Test
  void a_wrong_key_is_refused_with_its_place_and_the_nearest_right_one() {
    assertThat(problems(LEAST + "    chunksize: 1MiB\n"))
        .containsExactly(
            "x.yaml:5:16: volumes[0].chunksize: unknown key; did you mean 'chunkSize'?");
    assertThat(problems("volume: []\n" + LEAST))
        .singleElement()
        .asString()
        .contains("x.yaml:1:9: volume: unknown key; did you mean 'volumes'?");
  }

  @Test
  void an_image_may_have_any_size_in_bytes() throws Exception {
    assertThat(parse(LEAST + "    size: 67108964\n").volumes().get(0).sizeBytes())
        .hasValue(67108964);
  }

  @Test
  void a_wrong_value_is_refused_with_its_place_and_what_is_right() {
    assertThat(problems(LEAST + "    compression: zstandard\n"))
        .singleElement()
        .asString()
        .startsWith("x.yaml:5:18: volumes[0].compression: 'zstandard' is unknown here")
        .contains("zstd");
    assertThat(problems(LEAST + "    chunkSize: 5000\n"))
        .singleElement()
        .asString()
        .contains("must be a multiple of 4096");
    assertThat(problems(LEAST + "    chunkSize: 32MiB\n"))
        .singleElement()
        .asString()
        .startsWith("x.yaml:5:16: volumes[0].chunkSize: '32MiB' is out of range")
        .contains("4096 to 16777216 bytes");
    assertThat(problems(LEAST + "    size: 10 apples\n"))
        .singleElement()
        .asString()
        .contains("is not a size")
        .contains("10GiB");
    assertThat(problems(LEAST + "    triggers: { every: 15 }\n"))
        .singleElement()
        .asString()
        .contains("volumes[0].triggers.every")
        .contains("is not a duration");
    assertThat(problems(LEAST + "    partitions: 3\n"))
        .singleElement()
        .asString()
        .contains("raise topics.partitions");
    assertThat(problems(LEAST + "http: { listen: 80 }\n"))
        .singleElement()
        .asString()
        .contains("http.listen")
        .contains("host:port");
    assertThat(
            problems(
                LEAST
                    + "http: { listen: 'localhost:8081' }\n"
                    + "management: { listen: 'localhost:8081' }\n"))
        .singleElement()
        .asString()
        .contains("port of its own");
    assertThat(problems(LEAST + "    chunkSize: 2MiB\nlimits: { inFlightPerVolume: 1MiB }\n"))
        .singleElement()
        .asString()
        .contains("limits.inFlightPerVolume")
        .contains("at least one chunk of 2097152 bytes");
  }

  @Test
  void all_faults_are_told_at_once() {
    assertThat(
            problems(
                """
                volumes:
                  - name: "no spaces please"
                  - name: b
                    path: b
                  - name: b
                    path: c
                topics: [1]
                """))
        .hasSize(4);
  }

  @Test
  void no_file_is_of_two_uses(@TempDir Path directory) throws Exception {
    Files.createFile(directory.resolve("a.img"));
    Files.createSymbolicLink(directory.resolve("link"), directory);
    String yaml =
        """
        state: %1$s/state
        volumes:
          - { name: a, path: %1$s/a.img }
          - { name: b, path: %1$s/link/a.img }
          - { name: c, path: %1$s/c.img, differenceStorage: { path: %1$s/state/../a.img } }
          - { name: d, path: %1$s/link/state/a.cbt }
          - { name: e, path: %1$s/e.img, differenceStorage: { path: %1$s/link/c.img } }
        """
            .formatted(directory);
    assertThat(problems(yaml))
        .satisfiesExactly(
            b ->
                assertThat(b)
                    .startsWith("x.yaml:4:")
                    .contains("volumes[1].path: ")
                    .contains("is the image of volume 'a' already"),
            c ->
                assertThat(c)
                    .startsWith("x.yaml:5:")
                    .contains("volumes[2].differenceStorage.path: ")
                    .contains("is the image of volume 'a' already"),
            d -> assertThat(d).contains("is the change map of volume 'a' already"),
            e -> assertThat(e).contains("is the image of volume 'c' already"));
  }

  @Test
  void devices_may_share_a_difference_storage_but_are_none() throws Exception {
    String yaml =
        """
        volumes:
          - { name: a, source: blksnap, device: /dev/a, differenceStorage: { path: /var/tmp } }
          - { name: b, source: blksnap, device: /dev/b, differenceStorage: { path: %s } }
        """;
    assertThat(parse(yaml.formatted("/var/tmp")).volumes()).hasSize(2);
    assertThat(problems(yaml.formatted("/dev/a")))
        .singleElement()
        .asString()
        .contains(
            "volumes[1].differenceStorage.path: '/dev/a' is the device of volume 'a' already");
  }

  @Test
  void nothing_to_do_and_no_yaml_are_refused() {
    assertThat(problems(""))
        .satisfiesExactly(
            kafka -> assertThat(kafka).contains("kafka: where are the brokers?"),
            volumes -> assertThat(volumes).contains("no volume is configured"));
    assertThat(problems("volumes: [")).singleElement().asString().contains("not valid YAML");
    assertThat(problems("a: 1\na: 2\n")).singleElement().asString().contains("twice");
    assertThat(problems("- 1\n")).singleElement().asString().contains("found a list");
  }

  @Test
  void environment_variables_win() throws Exception {
    ExporterConfig config =
        ExporterConfig.parse(
            "x.yaml",
            LEAST,
            Map.of(
                "BLKCAST_KAFKA_BOOTSTRAP_SERVERS", "k:1",
                "BLKCAST_KAFKA_PRODUCER_LINGER_MS", "7",
                "BLKCAST_HTTP_LISTEN", "127.0.0.1:9",
                "BLKCAST_TOPICS_REPLICATION_FACTOR", "3",
                "BLKCAST_VOLUMES_0_CHUNK_SIZE", "64KiB",
                "BLKCAST_VOLUMES_0_TRIGGERS_EVERY", "5s",
                "BLKCAST_CONFIG", "not a key",
                "BLKCAST_HEALTH_FILE", "nor this",
                "HOME", "/root"));
    assertThat(config.kafka().producer())
        .containsEntry("bootstrap.servers", "k:1")
        .containsEntry("linger.ms", "7");
    assertThat(config.http().port()).isEqualTo(9);
    assertThat(config.topics().replicationFactor()).hasValue(3);
    assertThat(config.volumes().get(0).chunkBytes()).isEqualTo(64 << 10);
    assertThat(config.volumes().get(0).triggers().every()).contains(Duration.ofSeconds(5));
  }

  @Test
  void a_wrong_environment_variable_is_refused_by_name() {
    assertThat(problems(LEAST, Map.of("BLKCAST_HTTP_LISTN", "x")))
        .singleElement()
        .asString()
        .contains("environment variable BLKCAST_HTTP_LISTN")
        .contains("HTTP_LISTEN");
    assertThat(problems(LEAST, Map.of("BLKCAST_HTTP_LISTEN", "x")))
        .singleElement()
        .asString()
        .contains("environment variable BLKCAST_HTTP_LISTEN: http.listen");
    for (String index : List.of("4", "99999999999")) {
      assertThat(problems(LEAST, Map.of("BLKCAST_VOLUMES_" + index + "_PATH", "x")))
          .singleElement()
          .asString()
          .contains("no volumes[" + index + "]");
    }
  }

  @Test
  void hooks_are_for_a_group_or_a_volume_that_is_there_and_undo_in_time() throws Exception {
    String volumes =
        """
        volumes:
          - { name: a, path: /a.img, group: db }
          - { name: b, path: /b.img }
        """;
    ExporterConfig config =
        parse(
            volumes
                + """
                hooks:
                  - { group: db, before: "quiet db", after: "loud db", timeout: 5s, limit: 20s }
                  - { volume: b, after: thaw, level: filesystem, required: true }
                """);
    assertThat(config.hooks())
        .containsExactly(
            new HookConfig(
                Optional.of("db"),
                Optional.empty(),
                "quiet db",
                "loud db",
                Duration.ofSeconds(5),
                Duration.ofSeconds(20),
                HookConfig.Level.APPLICATION,
                false),
            new HookConfig(
                Optional.empty(),
                Optional.of("b"),
                "",
                "thaw",
                Duration.ofSeconds(10),
                Duration.ofSeconds(30),
                HookConfig.Level.FILESYSTEM,
                true));
    assertThatThrownBy(
            () ->
                parse(
                    volumes
                        + """
                        hooks:
                          - { group: other, after: x }
                          - { volume: a, after: x }
                          - { volume: nobody, after: x }
                          - { after: x }
                          - { volume: b, timeout: 30s, limit: 20s, before: x }
                        """))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no volume is in group 'other'")
        .hasMessageContaining("write 'group: db' instead")
        .hasMessageContaining("there is no volume 'nobody'")
        .hasMessageContaining("give either 'group' or 'volume'")
        .hasMessageContaining("must be longer than 'timeout'")
        .hasMessageContaining("after: missing");
  }

  @Test
  void a_difference_storage_grows_from_its_limit_on() throws Exception {
    String volume = "volumes:\n  - { name: a, path: /a.img, differenceStorage: { %s } }\n";
    assertThat(
            parse(volume.formatted("limit: 1GiB, growTo: 8GiB"))
                .volumes()
                .get(0)
                .differenceStorage()
                .mostBytes())
        .hasValue(8L << 30);
    for (String wrong : List.of("growTo: 8GiB", "limit: 2GiB, growTo: 1GiB")) {
      assertThatThrownBy(() -> parse(volume.formatted(wrong)))
          .hasMessageContaining("is what 'limit' may grow to");
    }
  }
}
