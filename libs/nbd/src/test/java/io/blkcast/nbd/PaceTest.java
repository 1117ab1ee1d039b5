package io.blkcast.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PaceTest {

  private static final int LEAST = 100;

  private final Pace pace = new Pace();

  @Test
  void whoHasNothingUnderWayMayTakeAnyTime() {
    assertThat(pace.look(0, null, LEAST)).isEmpty();
    assertThat(pace.look(0, null, LEAST)).isEmpty();
  }

  @Test
  void aPayloadThatTricklesInIsTooSlow() {
    assertThat(pace.look(1, null, LEAST)).as("begun a moment ago, maybe").isEmpty();
    pace.received(LEAST);
    assertThat(pace.look(1, null, LEAST)).isEmpty();
    pace.received(LEAST - 1);
    assertThat(pace.look(1, null, LEAST)).contains("sends a write");
  }

  @Test
  void payloadsThatBecomeWholeInBetweenAreNot() {
    assertThat(pace.look(1, null, LEAST)).isEmpty();
    pace.received(1);
    assertThat(pace.look(2, null, LEAST)).isEmpty();
    pace.received(1);
    assertThat(pace.look(3, null, LEAST)).isEmpty();
  }

  @Test
  void repliesOfWhichTooLittleIsTakenAreTooSlow() {
    pace.queued(2, 1000);
    assertThat(pace.look(0, null, LEAST)).isEmpty();
    pace.sent(1);
    assertThat(pace.look(0, null, LEAST)).as("none, or none that shows").isEmpty();
    assertThat(pace.look(0, null, LEAST)).contains("takes its replies");
  }

  @Test
  void repliesThatAreAllTakenInBetweenAreNot() {
    pace.queued(1, 10);
    assertThat(pace.look(0, null, LEAST)).isEmpty();
    pace.sent(1);
    pace.queued(1, 10);
    assertThat(pace.look(0, null, LEAST)).isEmpty();
    pace.sent(1);
    assertThat(pace.look(0, null, LEAST)).isEmpty();
    assertThat(pace.look(0, null, LEAST)).isEmpty();
  }
}
