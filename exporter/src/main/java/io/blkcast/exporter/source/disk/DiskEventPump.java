package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.SourceEvent;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands events from the threads where they happen, which must not wait, to the listener on a thread
 * of its own. Holds the last {@value #MOST} that nobody has heard; the oldest go first.
 */
final class DiskEventPump implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(DiskEventPump.class);
  private static final int MOST = 1024;
  private static final long CLOSE_MILLIS = 5_000;

  private final Deque<SourceEvent> waiting = new ArrayDeque<>();
  private @Nullable Consumer<SourceEvent> listener;
  private @Nullable Thread thread;
  private boolean closed;

  synchronized void add(SourceEvent event) {
    if (waiting.size() == MOST) {
      LOG.warn("too many events that nobody hears; dropped {}", waiting.removeFirst());
    }
    waiting.add(event);
    notifyAll();
  }

  synchronized void listen(Consumer<SourceEvent> newListener) {
    listener = newListener;
    if (thread == null && !closed) {
      thread = new Thread(this::run, "blkcast-disk-events");
      thread.setDaemon(true);
      thread.start();
    }
    notifyAll();
  }

  /** Lets the listener hear what happened before, and ends the thread. */
  @Override
  public void close() {
    Thread running;
    synchronized (this) {
      closed = true;
      running = thread;
      notifyAll();
    }
    if (running != null && running != Thread.currentThread()) {
      try {
        running.join(CLOSE_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void run() {
    while (true) {
      SourceEvent event;
      Consumer<SourceEvent> hearer;
      synchronized (this) {
        while (waiting.isEmpty() && !closed) {
          try {
            wait();
          } catch (InterruptedException e) {
            return;
          }
        }
        if (waiting.isEmpty() || listener == null) {
          return;
        }
        event = waiting.removeFirst();
        hearer = listener;
      }
      try {
        hearer.accept(event);
      } catch (RuntimeException e) {
        LOG.error("listener failed on {}", event, e);
      }
    }
  }
}
