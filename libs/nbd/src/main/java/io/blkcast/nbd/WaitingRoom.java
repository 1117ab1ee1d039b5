package io.blkcast.nbd;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Clients that have not chosen an export yet. There are only so many places, and a client with an
 * honest wish needs one for a few round trips. Where all are taken, one is given to the newcomer:
 * that of whoever waits longest, of the address that has the most. So clients that say nothing keep
 * nobody out.
 */
final class WaitingRoom<C> {

  private final int places;

  /** Where each comes from; who came first stands first. */
  private final Map<C, String> waiting = new LinkedHashMap<>();

  WaitingRoom(int places) {
    this.places = places;
  }

  /**
   * Lets the client in.
   *
   * @param from its address
   * @return who has to go for it
   */
  synchronized Optional<C> enter(C client, String from) {
    Optional<C> leaving = waiting.size() < places ? Optional.empty() : Optional.of(longest());
    leaving.ifPresent(waiting::remove);
    waiting.put(client, from);
    return leaving;
  }

  synchronized void leave(C client) {
    waiting.remove(client);
  }

  private C longest() {
    String crowd =
        waiting.values().stream().collect(groupingBy(from -> from, counting())).entrySet().stream()
            .max(Map.Entry.comparingByValue())
            .orElseThrow()
            .getKey();
    return waiting.entrySet().stream()
        .filter(entry -> entry.getValue().equals(crowd))
        .findFirst()
        .orElseThrow()
        .getKey();
  }
}
