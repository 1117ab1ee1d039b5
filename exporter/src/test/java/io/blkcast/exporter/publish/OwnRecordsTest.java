package io.blkcast.exporter.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.SchemaRegistryClient;
import io.blkcast.schema.IncrementAborted;
import java.net.URI;
import java.time.Instant;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class OwnRecordsTest {

  @Test
  void only_the_end_of_an_attempt_is_passed_over() {
    RecordCodec codec = RecordCodec.singleObject();
    byte[] end =
        codec.encode("t", new IncrementAborted("v", new UUID(1, 1), "code", "why", Instant.EPOCH));
    assertThat(OwnRecords.endsAnAttempt(codec, end)).isTrue();
    assertThat(OwnRecords.endsAnAttempt(codec, new byte[] {1, 2, 3})).isFalse();
  }

  @Test
  void what_only_a_registry_that_is_away_can_tell_is_not_taken_for_another_s() {
    RecordCodec codec =
        RecordCodec.registry(new SchemaRegistryClient(URI.create("http://localhost:1")));
    assertThatThrownBy(() -> OwnRecords.endsAnAttempt(codec, new byte[] {0, 0, 0, 0, 9, 1}))
        .isInstanceOfSatisfying(
            CodecException.class,
            e -> assertThat(e.code()).isEqualTo(CodecException.Code.REGISTRY_UNAVAILABLE));
  }
}
