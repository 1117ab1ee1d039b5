package io.blkcast.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.CodecException.Code;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Registries that do not answer as they should cost an error, and neither time nor memory. */
@Timeout(60)
class HostileRegistryTest {

  private static final byte[] RECORD_OF_SCHEMA_7 = {0, 0, 0, 0, 7, 2, 'v', 0, 0, 0, 0, 0};

  /** Answers a request; the connection is closed after it. */
  private interface Answer {
    void write(OutputStream out) throws Exception;
  }

  private final CountDownLatch over = new CountDownLatch(1);
  private final AtomicInteger requests = new AtomicInteger();
  private ServerSocket server;
  private volatile Answer answer = out -> {};

  @BeforeEach
  void listen() throws IOException {
    server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    daemon(
        () -> {
          while (true) {
            Socket client = server.accept();
            daemon(() -> serve(client));
          }
        });
  }

  @AfterEach
  void close() throws IOException {
    over.countDown();
    server.close();
  }

  private interface Work {
    void run() throws Exception;
  }

  private static void daemon(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (Exception e) {
                // The client or the test has gone.
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  private void serve(Socket client) throws Exception {
    try (client) {
      BufferedReader in =
          new BufferedReader(
              new InputStreamReader(client.getInputStream(), StandardCharsets.US_ASCII));
      while (!in.readLine().isEmpty()) {
        // headers
      }
      requests.incrementAndGet();
      answer.write(client.getOutputStream());
    }
  }

  private SchemaRegistryClient registry() {
    return new SchemaRegistryClient(URI.create("http://127.0.0.1:" + server.getLocalPort()));
  }

  private RecordCodec codec() {
    return RecordCodec.registry(registry());
  }

  private static Answer json(int status, String body) {
    return out ->
        out.write(
            ("HTTP/1.1 " + status + " x\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                .getBytes(StandardCharsets.US_ASCII));
  }

  private void assertFails(Code code, String message, Work call) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(CodecException.class, e -> assertThat(e.code()).isEqualTo(code))
        .hasMessageContaining(message);
  }

  @Test
  void anAnswerThatComesByteByByteIsGivenUpInTime() {
    answer =
        out -> {
          out.write(
              "HTTP/1.1 200 x\r\nContent-Length: 1000\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
          while (!over.await(100, java.util.concurrent.TimeUnit.MILLISECONDS)) {
            out.write(' ');
            out.flush();
          }
        };
    long before = System.nanoTime();
    assertFails(Code.REGISTRY_UNAVAILABLE, "no whole answer within 3 s", () -> registry().check());
    assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(20));
  }

  @Test
  void aRegistryThatSaysNothingIsGivenUpInTime() {
    answer = out -> over.await();
    assertFails(Code.REGISTRY_UNAVAILABLE, "failed", () -> registry().check());
  }

  @ParameterizedTest
  @ValueSource(ints = {200, 409, 500})
  void anEndlessAnswerIsCutOff(int status) throws Exception {
    CountDownLatch cut = new CountDownLatch(1);
    answer =
        out -> {
          try {
            out.write(("HTTP/1.1 " + status + " x\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            byte[] piece = new byte[64 << 10];
            while (true) {
              out.write(piece);
            }
          } finally {
            cut.countDown();
          }
        };
    assertFails(Code.REGISTRY_UNAVAILABLE, "more than 1048576 bytes", () -> registry().check());
    assertThat(cut.await(30, java.util.concurrent.TimeUnit.SECONDS)).as("the connection").isTrue();
  }

  @Test
  void redirectsAreNotFollowed() {
    answer =
        out ->
            out.write(
                ("HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:"
                        + server.getLocalPort()
                        + "/again\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
    assertFails(Code.REGISTRY_UNAVAILABLE, "redirects are not followed", () -> registry().check());
    assertThat(requests).hasValue(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"<html>it works</html>", "", "{\"schema\": 1}", "{}", "[]", "null", "{\"a\""})
  void answersThatAreNoneOfARegistry(String body) {
    answer = json(200, body);
    assertFails(
        Code.REGISTRY_UNAVAILABLE, "", () -> codec().decode(ByteBuffer.wrap(RECORD_OF_SCHEMA_7)));
    assertFails(Code.REGISTRY_UNAVAILABLE, "", () -> codec().encode("t", Samples.signal()));
  }

  @Test
  void bytesThatAreNoHttp() {
    answer = out -> out.write("SSH-2.0-OpenSSH\r\n".getBytes(StandardCharsets.US_ASCII));
    assertFails(Code.REGISTRY_UNAVAILABLE, "", () -> registry().check());
  }

  @ParameterizedTest
  @ValueSource(ints = {200, 404, 409, 500})
  void anAnswerThatNestsDeeply(int status) {
    answer = json(status, "[".repeat(300_000) + "]".repeat(300_000));
    assertThatThrownBy(() -> codec().decode(ByteBuffer.wrap(RECORD_OF_SCHEMA_7)))
        .isInstanceOf(CodecException.class);
    assertThatThrownBy(() -> codec().encode("t", Samples.signal()))
        .isInstanceOf(CodecException.class);
  }

  private static String quoted(String schema) {
    return "{\"schema\": \"" + schema.replace("\"", "\\\"") + "\"}";
  }

  @Test
  void whatIsNoAvroSchemaIsTheRecordsFaultAndNotTriedForEver() {
    answer = json(200, quoted("syntax = \"proto3\";"));
    assertFails(
        Code.MALFORMED,
        "no Avro schema",
        () -> codec().decode(ByteBuffer.wrap(RECORD_OF_SCHEMA_7)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"Signal", "IncrementCommitted"})
  void aRecordThatContainsItselfIsMalformed(String name) {
    answer =
        json(
            200,
            quoted(
                "{\"type\":\"record\",\"namespace\":\"io.blkcast.schema\",\"name\":\""
                    + name
                    + "\",\"fields\":[{\"name\":\"again\",\"type\":\"io.blkcast.schema."
                    + name
                    + "\"}]}"));
    assertFails(Code.MALFORMED, "", () -> codec().decode(ByteBuffer.wrap(RECORD_OF_SCHEMA_7)));
    assertFails(
        Code.MALFORMED,
        "",
        () -> codec().chainDigest(new byte[32], ByteBuffer.wrap(RECORD_OF_SCHEMA_7)));
  }

  @Test
  void aSchemaThatNestsDeeplyIsMalformed() {
    String open = "{\"type\":\"array\",\"items\":";
    answer =
        json(
            200,
            quoted(
                "{\"type\":\"record\",\"namespace\":\"io.blkcast.schema\",\"name\":\"Signal\","
                    + "\"fields\":[{\"name\":\"deep\",\"type\":"
                    + open.repeat(20_000)
                    + "\"int\""
                    + "}".repeat(20_000)
                    + "}]}"));
    assertFails(Code.MALFORMED, "", () -> codec().decode(ByteBuffer.wrap(RECORD_OF_SCHEMA_7)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"string", "bytes"})
  void aLengthThatIsMadeUpIsMalformed(String type) {
    answer =
        json(
            200,
            quoted(
                "{\"type\":\"record\",\"namespace\":\"io.blkcast.schema\",\"name\":\"Signal\","
                    + "\"fields\":[{\"name\":\"volume\",\"type\":\""
                    + type
                    + "\"}]}"));
    byte[] record = {0, 0, 0, 0, 7, (byte) 0xf0, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x0f, 1};
    assertFails(Code.MALFORMED, "", () -> codec().decode(ByteBuffer.wrap(record)));
  }

  @Test
  void refusalsNameTheRegistrysReasonAndNoMoreThanThat() {
    answer = json(409, "{\"message\": \"" + "x".repeat(100_000) + "\"}");
    assertThatThrownBy(() -> codec().encode("t", Samples.signal()))
        .isInstanceOfSatisfying(
            CodecException.class, e -> assertThat(e.code()).isEqualTo(Code.INCOMPATIBLE))
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(4_000));
  }
}
