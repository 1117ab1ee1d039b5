package io.blkcast.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WaitingRoomTest {

  private final WaitingRoom<String> room = new WaitingRoom<>(3);

  @Test
  void whoHasWaitedLongestMakesRoom() {
    assertThat(room.enter("a", "x")).isEmpty();
    assertThat(room.enter("b", "x")).isEmpty();
    assertThat(room.enter("c", "x")).isEmpty();
    assertThat(room.enter("d", "x")).contains("a");
    room.leave("b");
    assertThat(room.enter("e", "x")).isEmpty();
    assertThat(room.enter("f", "x")).contains("c");
  }

  @Test
  void aCrowdOfOneAddressMakesRoomForOthersFirst() {
    assertThat(room.enter("honest", "y")).isEmpty();
    assertThat(room.enter("a", "x")).isEmpty();
    assertThat(room.enter("b", "x")).isEmpty();
    assertThat(room.enter("c", "x")).contains("a");
    assertThat(room.enter("d", "x")).contains("b");
  }
}
