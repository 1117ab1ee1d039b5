package io.blkcast.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.CodecException.Code;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RegistryFramingTest {

  private FakeRegistry registry;
  private RecordCodec codec;

  @BeforeEach
  void start() throws IOException {
    registry = new FakeRegistry();
    codec = codec(registry.url());
  }

  @AfterEach
  void stop() {
    registry.close();
  }

  @Test
  void everyRecordHasASubjectOfTopicAndName() {
    codec.encode("blkcast.chunks", Samples.chunk());
    codec.encode("blkcast.chunks", Samples.committed());
    codec.encode("blkcast.increments", Samples.committed());
    assertThat(registry.subjects.keySet())
        .containsExactly(
            "blkcast.chunks-io.blkcast.schema.DataChunk",
            "blkcast.chunks-io.blkcast.schema.IncrementCommitted",
            "blkcast.increments-io.blkcast.schema.IncrementCommitted");
    assertThat(registry.subjects.values()).containsExactly(1, 2, 2);
  }

  @Test
  void aValueStartsWithZeroAndTheId() {
    codec.encode("t", Samples.signal());
    byte[] value = codec.encode("t", Samples.chunk());
    assertThat(value).startsWith(0, 0, 0, 0, 2);
    byte[] single = RecordCodec.singleObject().encode("t", Samples.chunk());
    assertThat(ByteBuffer.wrap(value, 5, value.length - 5))
        .as("the body is the same in both framings")
        .isEqualTo(ByteBuffer.wrap(single, 10, single.length - 10));
  }

  @Test
  void anotherProcessReadsWithASingleLookUp() {
    byte[] value = codec.encode("t", Samples.committed());
    RecordCodec other = codec(registry.url());
    int before = registry.requests;
    for (int i = 0; i < 3; i++) {
      assertThat(other.decode(ByteBuffer.wrap(value))).isEqualTo(Samples.committed());
    }
    assertThat(other.chainDigest(Digests.chainStart(), ByteBuffer.wrap(value)))
        .isEqualTo(Digests.chain(Digests.chainStart(), Samples.committed()));
    assertThat(registry.requests).isEqualTo(before + 1);
  }

  @Test
  void whatIsKnownGoesOnWorkingWhileTheRegistryIsDown() {
    byte[] value = codec.encode("t", Samples.event());
    registry.close();
    assertThat(codec.encode("t", Samples.event())).isEqualTo(value);
    assertThat(codec.decode(ByteBuffer.wrap(value))).isEqualTo(Samples.event());
    assertFails(Code.REGISTRY_UNAVAILABLE, () -> codec.encode("t", Samples.signal()));
    assertFails(
        Code.REGISTRY_UNAVAILABLE, () -> codec(registry.url()).decode(ByteBuffer.wrap(value)));
  }

  @Test
  void onceAllIsPreparedTheRegistryIsNotAskedAgain() {
    TopicNames topics = TopicNames.defaults();
    codec.prepare(topics);
    assertThat(registry.subjects.keySet())
        .containsExactlyInAnyOrderElementsOf(
            topics.records().entrySet().stream()
                .flatMap(
                    topic ->
                        topic.getValue().stream()
                            .map(schema -> topic.getKey() + "-" + schema.getFullName()))
                .toList());
    int asked = registry.requests;
    codec.prepare(topics);
    byte[] value = codec.encode(topics.signals(), Samples.signal());
    assertThat(codec.decode(ByteBuffer.wrap(value))).isEqualTo(Samples.signal());
    assertThat(registry.requests).isEqualTo(asked);
  }

  @Test
  void refusalsOfTheRegistryAreToldApart() {
    registry.answerWith = 401;
    assertFails(Code.REGISTRY_DENIED, () -> codec.encode("t", Samples.signal()));
    registry.answerWith = 409;
    assertFails(Code.INCOMPATIBLE, () -> codec.encode("t", Samples.signal()));
    registry.answerWith = 503;
    assertFails(Code.REGISTRY_UNAVAILABLE, () -> codec.encode("t", Samples.signal()));
    registry.answerWith = 200;
    codec.encode("t", Samples.signal());
    assertFails(
        Code.UNKNOWN_SCHEMA, () -> codec.decode(ByteBuffer.wrap(new byte[] {0, 0, 0, 0, 77, 1})));
  }

  @Test
  void userAndPasswordOfTheUrlAreSentAndNotTold() {
    RecordCodec withPassword = codec(registry.urlWithPassword());
    registry.answerWith = 403;
    assertThatThrownBy(() -> withPassword.encode("t", Samples.signal()))
        .hasMessageNotContaining("secret");
    assertThat(registry.authorizations).containsExactly("Basic dXNlcjpzZWNyZXQ=");
  }

  @Test
  void theOtherFramingIsRecognised() {
    byte[] single = RecordCodec.singleObject().encode("t", Samples.signal());
    assertFails(Code.MALFORMED, () -> codec.decode(ByteBuffer.wrap(single)));
    byte[] framed = codec.encode("t", Samples.signal());
    assertThatThrownBy(() -> RecordCodec.singleObject().decode(ByteBuffer.wrap(framed)))
        .hasMessageContaining("schema registry");
    assertFails(Code.MALFORMED, () -> codec.decode(ByteBuffer.allocate(3)));
  }

  @Test
  void aUrlThatIsNoneIsRefused() {
    assertThatThrownBy(() -> new SchemaRegistryClient(URI.create("registry:8081")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("http://host:8081");
  }

  private static RecordCodec codec(URI url) {
    return RecordCodec.registry(new SchemaRegistryClient(url));
  }

  private static void assertFails(Code code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(CodecException.class, e -> assertThat(e.code()).isEqualTo(code));
  }
}
