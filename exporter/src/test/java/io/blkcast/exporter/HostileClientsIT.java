package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.TopicNames;
import io.blkcast.schema.Signal;
import io.blkcast.schema.SignalAction;
import io.blkcast.testkit.EmbeddedBroker;
import io.blkcast.testkit.NeedsTool;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The claims of docs/threat-model.md about who reaches the servers of an exporter, tried. */
class HostileClientsIT {

  private static final int MIB = 1 << 20;
  private static final int LARGEST_REQUEST = 32 * MIB;
  private static final int OK = 200;
  private static final String VOLUME = "besieged";

  private static final int CLIENTS_PER_EXPORT = 32;

  /** A usual limit of descriptors, and fewer than the silent connections that are made. */
  private static final int FILES = 4096;

  private static final String FORGED = "x\n00:00:00.000 INFO  forged\r\u001b[2J\u009b1A\u202e";

  @TempDir Path directory;

  private final List<SocketChannel> hostile = new ArrayList<>();

  @AfterEach
  void letGo() throws IOException {
    for (SocketChannel channel : hostile) {
      channel.close();
    }
  }

  private Scene scene(EmbeddedBroker broker) {
    return new Scene(directory, broker.bootstrapServers(), VOLUME)
        .more("  - name: other\n    path: %s/other.img\n    size: 64MiB")
        .more("limits: { inFlight: 8MiB, inFlightPerVolume: 4MiB }");
  }

  private SocketChannel connect(SocketAddress address) throws IOException {
    SocketChannel channel =
        address instanceof InetSocketAddress
            ? SocketChannel.open()
            : SocketChannel.open(StandardProtocolFamily.UNIX);
    hostile.add(channel);
    channel.connect(address);
    return channel;
  }

  private SocketAddress nbd() {
    return UnixDomainSocketAddress.of(directory.resolve("nbd.sock"));
  }

  private URI other() {
    return URI.create("nbd+unix:///other?socket=" + directory.resolve("nbd.sock"));
  }

  /** Flags, and the export by the oldest way to choose one. */
  private static void choose(SocketChannel channel, byte[] export) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeInt(3);
    out.writeLong(0x49484156454F5054L);
    out.writeInt(1);
    out.writeInt(export.length);
    out.write(export);
    channel.write(ByteBuffer.wrap(bytes.toByteArray()));
  }

  /** As {@link #choose}, of an export that there is. */
  private static void use(SocketChannel channel, String export) throws IOException {
    choose(channel, export.getBytes(StandardCharsets.UTF_8));
    new DataInputStream(Channels.newInputStream(channel)).readFully(new byte[18 + 10]);
  }

  private static void request(SocketChannel channel, int command, int length) throws IOException {
    ByteBuffer request = ByteBuffer.allocate(28);
    request.putInt(0x25609513).putShort((short) 0).putShort((short) command);
    request.putLong(1).putLong(0).putInt(length).flip();
    channel.write(request);
  }

  private static void assertServes(ForkedExporter exporter, Scene scene) throws Exception {
    assertThat(Scene.call("GET", exporter.management + "/readyz").statusCode()).isEqualTo(OK);
    assertThat(Scene.call("GET", exporter.management + "/metrics").statusCode()).isEqualTo(OK);
    assertThat(Scene.call("GET", exporter.volume(scene)).statusCode()).isEqualTo(OK);
  }

  private static void awaitReady(ForkedExporter exporter) {
    await()
        .atMost(Duration.ofMinutes(2))
        .ignoreExceptions()
        .untilAsserted(
            () ->
                assertThat(readiness(exporter).get(10, TimeUnit.SECONDS).statusCode())
                    .as(exporter::output)
                    .isEqualTo(OK));
  }

  private static CompletableFuture<HttpResponse<String>> readiness(ForkedExporter exporter) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(exporter.management + "/readyz")).build();
    return Scene.HTTP.sendAsync(request, BodyHandlers.ofString());
  }

  @Test
  @NeedsTool("qemu-io")
  void thousands_of_silent_connections_keep_nobody_out() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Scene scene = scene(broker);
      try (ForkedExporter exporter = ForkedExporter.withFiles(FILES, scene, "-Xmx256m")) {
        awaitReady(exporter);
        for (String server : List.of(exporter.management, exporter.api)) {
          URI uri = URI.create(server);
          for (int i = 0; i < 2000; i++) {
            connect(new InetSocketAddress(uri.getHost(), uri.getPort()));
          }
        }
        for (int i = 0; i < 1000; i++) {
          connect(nbd());
        }
        // Accepting may have run ahead of closing, and pauses then for a second.
        awaitReady(exporter);
        assertServes(exporter, scene);
        Tools.qemuIo(scene.nbd(), "write -P 1 0 1M", "read -P 1 0 1M");
        long lines = exporter.output().lines().filter(line -> line.contains("clos")).count();
        assertThat(lines).as("of the log").isLessThan(200);
      }
    }
  }

  @Test
  @NeedsTool("qemu-io")
  void greedy_clients_on_a_small_heap_end_neither_the_exporter_nor_others() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Scene scene = scene(broker);
      try (ForkedExporter exporter =
          ForkedExporter.start(scene, "-Xmx96m", "-XX:+ExitOnOutOfMemoryError")) {
        awaitReady(exporter);
        Tools.qemuIo(scene.nbd(), "write -P 1 0 64M");
        for (int i = 0; i < CLIENTS_PER_EXPORT; i++) {
          SocketChannel greedy = connect(nbd());
          use(greedy, VOLUME);
          if (i % 2 == 0) {
            // Begins a write and does not go on.
            request(greedy, 1, LARGEST_REQUEST);
            greedy.write(ByteBuffer.allocate(1000));
          } else {
            // Asks for much and takes nothing.
            for (int j = 0; j < 8; j++) {
              request(greedy, 0, LARGEST_REQUEST);
            }
          }
        }
        Tools.qemuIo(other(), "write -P 2 0 8M", "read -P 2 0 8M");
        assertServes(exporter, scene);
        assertThat(
                Scene.call("POST", exporter.volume(scene) + "/increments?wait=true").statusCode())
            .isEqualTo(OK);
        assertThat(exporter.process.isAlive()).isTrue();
        assertThat(exporter.output()).doesNotContain("OutOfMemory");
      }
    }
  }

  @Test
  void nothing_that_others_say_forges_or_floods_the_log() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Scene scene = scene(broker);
      try (ForkedExporter exporter = ForkedExporter.start(scene)) {
        awaitReady(exporter);
        byte[] name = (FORGED + "y".repeat(4000)).getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < 200; i++) {
          choose(connect(nbd()), name);
        }
        signal(broker, FORGED);
        await().until(() -> exporter.output().contains("no export is named"));
        await().until(() -> exporter.output().contains("asked for by"));
        List<String> lines = exporter.output().lines().toList();
        assertThat(lines).noneMatch(line -> line.startsWith("00:00:00.000"));
        assertThat(exporter.output().codePoints().filter(c -> c != '\n' && c != '\t'))
            .noneMatch(Character::isISOControl)
            .noneMatch(c -> c == 0x202e);
        assertThat(lines).allMatch(line -> line.length() < 5000);
        assertThat(lines)
            .filteredOn(line -> line.contains("no export is named"))
            .hasSizeLessThan(41);
      }
    }
  }

  private static void signal(EmbeddedBroker broker, String reason) throws Exception {
    Signal signal =
        Signal.newBuilder()
            .setVolume(VOLUME)
            .setAction(SignalAction.INCREMENT)
            .setReason(reason)
            .setRequestedBy(reason)
            .setRequestedAt(Instant.now())
            .build();
    String topic = TopicNames.defaults().signals();
    byte[] key = VOLUME.getBytes(StandardCharsets.UTF_8);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      byte[] value = RecordCodec.singleObject().encode(topic, signal);
      producer.send(new ProducerRecord<>(topic, key, value)).get();
    }
  }

  @Test
  void streams_of_progress_leave_room_for_calls_and_give_their_places_back() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      Scene scene = scene(broker);
      try (ForkedExporter exporter = ForkedExporter.start(scene)) {
        awaitReady(exporter);
        URI api = URI.create(exporter.api);
        String path = URI.create(exporter.volume(scene)).getPath() + "/progress/stream";
        byte[] call =
            ("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
        List<String> answers = new ArrayList<>();
        for (int i = 0; i < 33; i++) {
          SocketChannel stream = connect(new InetSocketAddress(api.getHost(), api.getPort()));
          stream.write(ByteBuffer.wrap(call));
          byte[] status = new byte[12];
          new DataInputStream(Channels.newInputStream(stream)).readFully(status);
          answers.add(new String(status, StandardCharsets.US_ASCII));
        }
        assertThat(answers.subList(0, 32)).containsOnly("HTTP/1.1 200");
        assertThat(answers.get(32)).isEqualTo("HTTP/1.1 503");
        assertServes(exporter, scene);
        letGo();
        await()
            .until(
                () -> {
                  SocketChannel stream =
                      connect(new InetSocketAddress(api.getHost(), api.getPort()));
                  stream.write(ByteBuffer.wrap(call));
                  byte[] status = new byte[12];
                  new DataInputStream(Channels.newInputStream(stream)).readFully(status);
                  return new String(status, StandardCharsets.US_ASCII).endsWith("200");
                });
      }
    }
  }
}
