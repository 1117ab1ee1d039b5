package io.blkcast.exporter.nbd;

import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Memory that all connections of a server share. Who finds too little left waits in line, and who
 * comes later waits behind, so that a large request is not overtaken for ever.
 */
final class MemoryLimit {

  private record Waiting(long bytes, Runnable granted) {}

  private final Queue<Waiting> line = new ArrayDeque<>();
  private long free;

  /**
   * @param bytes at least what one request may want
   */
  MemoryLimit(long bytes) {
    this.free = bytes;
  }

  /**
   * Takes the bytes.
   *
   * @param granted called, on the thread of whoever gives back, once the bytes are taken for a
   *     caller that was told to wait
   * @return whether they are taken already; otherwise the caller waits in line
   */
  synchronized boolean take(long bytes, Runnable granted) {
    if (line.isEmpty() && bytes <= free) {
      free -= bytes;
      return true;
    }
    line.add(new Waiting(bytes, granted));
    return false;
  }

  /** Gives bytes back that were taken. */
  synchronized void giveBack(long bytes) {
    free += bytes;
    for (Waiting next = line.peek(); next != null && next.bytes <= free; next = line.peek()) {
      line.remove();
      free -= next.bytes;
      next.granted.run();
    }
  }
}
