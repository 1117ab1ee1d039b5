package io.blkcast.nbd;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadPoolExecutor;

/**
 * What one store has for its clients: so many places, workers of its own, and a share of the
 * memory. So the clients of one store keep those of no other waiting.
 */
final class Served {

  private final int places;
  private final ThreadPoolExecutor workers;
  private final MemoryLimit.Share memory;
  private final Set<NbdConnection> clients = new HashSet<>();
  private boolean withdrawn;

  Served(int places, ThreadPoolExecutor workers, MemoryLimit.Share memory) {
    this.places = places;
    this.workers = workers;
    this.memory = memory;
  }

  ThreadPoolExecutor workers() {
    return workers;
  }

  MemoryLimit.Share memory() {
    return memory;
  }

  /** Takes a place, unless there is none left. */
  synchronized boolean enter(NbdConnection client) {
    return !withdrawn && clients.size() < places && clients.add(client);
  }

  synchronized void leave(NbdConnection client) {
    clients.remove(client);
  }

  synchronized List<NbdConnection> clients() {
    return List.copyOf(clients);
  }

  /** Lets nobody in any more. Workers end when they are idle. */
  synchronized void withdraw() {
    withdrawn = true;
    memory.close();
  }
}
