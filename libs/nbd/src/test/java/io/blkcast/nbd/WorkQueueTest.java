package io.blkcast.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.Test;

class WorkQueueTest {

  /** Work that no thread has begun. */
  private final Queue<Runnable> given = new ArrayDeque<>();

  private final List<Long> served = new ArrayList<>();

  private static Request request(long cookie) {
    return new Request(0, Nbd.CMD_FLUSH, cookie, 0, 0);
  }

  @Test
  void aRequestThatFailsDoesNotKeepTheOthersFromBeingServed() {
    WorkQueue queue =
        new WorkQueue(
            given::add,
            1,
            request -> {
              if (request.cookie() == 1) {
                throw new InternalError("of this one");
              }
              served.add(request.cookie());
            });
    queue.add(request(1));
    queue.add(request(2));
    assertThatThrownBy(given.remove()::run).isInstanceOf(InternalError.class);
    given.remove().run();
    queue.add(request(3));
    given.remove().run();
    assertThat(served).containsExactly(2L, 3L);
    assertThat(given).isEmpty();
  }
}
