package io.blkcast.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

class KafkaErrorsTest {

  private static String said(long at, int tries) {
    String call =
        "Call(callName=listOffsets(api=METADATA), deadlineMs=%d, tries=%d, nextAllowedTryMs=%d)"
            .formatted(at, tries, at + 100);
    return KafkaErrors.translate(
            "looking",
            new TimeoutException(
                call + " timed out at " + (at + 1) + " after " + tries + " attempt(s)"),
            "")
        .getMessage();
  }

  @Test
  void a_call_that_times_out_again_is_the_same_failure_in_the_same_words() {
    assertThat(said(1_700_000_000_000L, 1))
        .isEqualTo(said(1_700_000_009_000L, 3))
        .startsWith("looking: no answer to listOffsets in time; are the brokers");
  }
}
