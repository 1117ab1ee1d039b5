package io.blkcast.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.SchemaRegistryClient;
import io.blkcast.schema.IncrementCommitted;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class CatalogueTest {

  private static final TopicPartition PARTITION = new TopicPartition("increments", 0);

  private final List<String> skipped = new ArrayList<>();
  private final RecordCodec codec = RecordCodec.singleObject();
  private final MockConsumer<byte[], ByteBuffer> consumer = new MockConsumer<>("none");

  @BeforeEach
  void assign() {
    consumer.assign(List.of(PARTITION));
    consumer.updateBeginningOffsets(Map.of(PARTITION, 0L));
    consumer.seek(PARTITION, 0);
  }

  private void add(long offset, byte[] value) {
    // As a consumer has it: a piece of all that was fetched.
    ByteBuffer fetched = ByteBuffer.allocate(1 << 20).put(5, value).slice(5, value.length);
    consumer.addRecord(
        new ConsumerRecord<>(
            PARTITION.topic(),
            PARTITION.partition(),
            offset,
            "vol".getBytes(StandardCharsets.UTF_8),
            fetched));
  }

  private byte[] manifest() {
    return codec.encode(PARTITION.topic(), Manifests.baseline("vol"));
  }

  @Test
  void manifestThatIsKeptKeepsNothingElseOfWhatWasFetchedInMemory() {
    byte[] value = manifest();
    add(0, value);
    List<Catalogue.Entry> entries = catalogue(codec).poll(Duration.ZERO);
    assertThat(entries)
        .singleElement()
        .satisfies(entry -> assertThat(entry.raw().array()).isEqualTo(value));
  }

  private Catalogue catalogue(RecordCodec codec) {
    return new Catalogue(consumer, PARTITION.topic(), "vol", codec, Topics.IMPATIENT, skipped::add);
  }

  private byte[] manifest(String volume, int id) {
    return codec.encode(
        PARTITION.topic(),
        IncrementCommitted.newBuilder(Manifests.baseline(volume))
            .setIncrementId(new UUID(0, id))
            .build());
  }

  private static byte[] changed(byte[] value, int at) {
    byte[] changed = value.clone();
    changed[at] ^= 1;
    return changed;
  }

  static Stream<Arguments> unreadable() {
    byte[] manifest = RecordCodec.singleObject().encode("x", Manifests.baseline("vol"));
    byte[] registered = manifest.clone();
    registered[0] = 0;
    return Stream.of(
        Arguments.of("empty", new byte[0], false),
        Arguments.of("garbage", new byte[] {0, 0, 0, 0, 1, 2, 3}, false),
        Arguments.of("much garbage", "garbage".repeat(100).getBytes(UTF_8), false),
        Arguments.of("a mark alone", new byte[] {(byte) 0xC3, 1}, false),
        Arguments.of(
            "few bytes of an unknown schema", Arrays.copyOf(changed(manifest, 5), 12), false),
        Arguments.of("a manifest of an unknown schema", changed(manifest, 5), true),
        Arguments.of("a manifest in another framing", registered, true),
        Arguments.of("a damaged manifest", Arrays.copyOf(manifest, manifest.length - 3), true),
        Arguments.of(
            "a manifest of another volume",
            RecordCodec.singleObject().encode("x", Manifests.baseline("other")),
            false),
        Arguments.of(
            "a record that does not belong there",
            RecordCodec.singleObject()
                .encode("x", Manifests.chunkOfHole(Manifests.baseline("vol"))),
            false));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("unreadable")
  void whatCannotBeReadIsLeftOutAndToldOnce(String name, byte[] value, boolean perhapsManifest) {
    add(0, manifest("vol", 1));
    add(1, value);
    add(2, manifest("vol", 2));
    Catalogue catalogue = catalogue(codec);
    List<Catalogue.Entry> entries = catalogue.poll(Duration.ZERO);
    assertThat(entries).extracting(Catalogue.Entry::offset).containsExactly(0L, 2L);
    assertThat(skipped).singleElement().asString().contains("increments-0 at offset 1");
    assertThat(catalogue.suspect().isPresent()).isEqualTo(perhapsManifest);

    consumer.seek(PARTITION, 1);
    add(1, value);
    assertThat(catalogue.poll(Duration.ZERO)).isEmpty();
    assertThat(skipped).hasSize(1);

    catalogue.applied(entries.get(0));
    assertThat(catalogue.suspect().isPresent()).isEqualTo(perhapsManifest);
    catalogue.applied(entries.get(1));
    assertThat(catalogue.suspect()).isEmpty();
  }

  @Test
  void manifestThatIsPublishedAgainCountsOnce() {
    add(0, manifest("vol", 1));
    add(1, manifest("vol", 2));
    add(2, manifest("vol", 1));
    assertThat(catalogue(codec).poll(Duration.ZERO))
        .extracting(Catalogue.Entry::offset)
        .containsExactly(0L, 1L);
    assertThat(skipped).singleElement().asString().contains("once more");
  }

  @Test
  void schemaThatContainsItselfWithoutEndIsLeftOut() throws Exception {
    String recursive =
        "{\"type\":\"record\",\"name\":\"IncrementCommitted\",\"namespace\":\"io.blkcast.schema\","
            + "\"fields\":[{\"name\":\"a\",\"type\":\"IncrementCommitted\"}]}";
    try (Registry registry = new Registry(recursive)) {
      add(0, ByteBuffer.allocate(305).put((byte) 0).putInt(1).array());
      assertThat(catalogue(registry.codec()).poll(Duration.ZERO)).isEmpty();
      assertThat(skipped).hasSize(1);
    }
  }

  @Test
  void manifestsBeforeOneWhoseRegistryIsAwayComeOutAndThatOneIsMetAgain() throws Exception {
    byte[] single = manifest("vol", 1);
    byte[] first =
        ByteBuffer.allocate(single.length - 5)
            .put((byte) 0)
            .putInt(1)
            .put(single, 10, single.length - 10)
            .array();
    byte[] second = first.clone();
    second[4] = 2;
    String schema = IncrementCommitted.getClassSchema().toString();
    try (Registry registry = new Registry(schema)) {
      add(0, first);
      add(1, second);
      add(2, first);
      Catalogue catalogue = catalogue(registry.codec());
      assertThat(catalogue.poll(Duration.ZERO))
          .extracting(Catalogue.Entry::offset)
          .containsExactly(0L);
      assertThat(consumer.position(PARTITION)).isEqualTo(1);

      add(1, second);
      add(2, first);
      assertThatThrownBy(() -> catalogue.poll(Duration.ZERO)).hasMessageContaining("503");
      assertThat(consumer.position(PARTITION)).isEqualTo(1);
    }
  }

  /** Knows a schema under the number 1, and is out of order for any other. */
  private static final class Registry implements AutoCloseable {
    private final HttpServer server;

    Registry(String schema) throws IOException {
      server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
      byte[] answer = ("{\"schema\":\"" + schema.replace("\"", "\\\"") + "\"}").getBytes(UTF_8);
      server.createContext(
          "/",
          exchange -> {
            boolean known = exchange.getRequestURI().getPath().equals("/schemas/ids/1");
            exchange.sendResponseHeaders(known ? 200 : 503, known ? answer.length : -1);
            if (known) {
              exchange.getResponseBody().write(answer);
            }
            exchange.close();
          });
      server.start();
    }

    RecordCodec codec() {
      return RecordCodec.registry(
          new SchemaRegistryClient(
              URI.create("http://127.0.0.1:" + server.getAddress().getPort())));
    }

    @Override
    public void close() {
      server.stop(0);
    }
  }
}
