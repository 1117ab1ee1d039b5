package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.exporter.source.SourceException;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells the image what need not be kept any longer: at once what the increment leaves out, then
 * what Kafka has acknowledged, in batches. On the loop but for the calls themselves, of which one
 * is under way at a time. A failure here costs the source some copying and the increment nothing.
 */
final class Releaser {

  private static final Logger LOG = LoggerFactory.getLogger(Releaser.class);

  /** Ranges told in one go, so that a stop need not wait long. */
  private static final int BATCH = 256;

  /** Ranges that may wait before the export has to. */
  private static final int MOST_WAITING = 4096;

  private record Range(long offset, long length) {}

  private final Loop loop;
  private final Image image;
  private final long worth;
  private final Runnable drained;
  private final Deque<Range> acked = new ArrayDeque<>();
  private ExtentCursor unwanted = ExtentCursor.whole(0);
  private long ackedBytes;
  private boolean unwantedLeft;
  private boolean working;
  private boolean stopped;
  private final Promise<Void> idle = Promise.promise();

  /**
   * @param worth acknowledged bytes that are worth a call
   * @param drained called on the loop when {@link #isFull} has become false
   */
  Releaser(Loop loop, Image image, long worth, Runnable drained) {
    this.loop = loop;
    this.image = image;
    this.worth = worth;
    this.drained = drained;
  }

  /** Begins with what the increment leaves out. */
  void start(ExtentCursor leftOut) {
    unwanted = leftOut;
    unwantedLeft = true;
    work();
  }

  /** A range that Kafka has; neighbours become one. */
  void acknowledged(long offset, long length) {
    if (stopped) {
      // Nothing would ever take it out again, and the export would wait for that.
      return;
    }
    Range last = acked.peekLast();
    if (last != null && last.offset() + last.length() == offset) {
      acked.removeLast();
      acked.add(new Range(last.offset(), last.length() + length));
    } else {
      acked.add(new Range(offset, length));
    }
    ackedBytes += length;
    work();
  }

  /** Whether so many ranges wait that no more should come. */
  boolean isFull() {
    return acked.size() >= MOST_WAITING;
  }

  /** Releases nothing more; completes when no call is under way. */
  Future<Void> stop() {
    stopped = true;
    settle();
    return idle.future();
  }

  private void settle() {
    if (stopped && !working) {
      idle.tryComplete();
    }
  }

  private void work() {
    if (working || stopped || !(unwantedLeft || ackedBytes >= worth || acked.size() >= BATCH)) {
      return;
    }
    working = true;
    boolean wasFull = isFull();
    Deque<Range> batch = new ArrayDeque<>();
    while (batch.size() < BATCH && !acked.isEmpty()) {
      Range range = acked.remove();
      ackedBytes -= range.length();
      batch.add(range);
    }
    loop.blocking(Pool.SOURCE, () -> release(batch))
        .onComplete(
            more -> {
              working = false;
              if (more.succeeded()) {
                unwantedLeft = more.result();
              } else {
                LOG.warn(
                    "{}: cannot release what is published, copying goes on: {}",
                    image.volume(),
                    more.cause().toString());
                stopped = true;
                acked.clear();
              }
              settle();
              work();
              if (wasFull && !isFull()) {
                drained.run();
              }
            });
  }

  private boolean release(Deque<Range> batch) throws SourceException {
    for (Range range : batch) {
      image.release(range.offset(), range.length());
    }
    if (!unwantedLeft) {
      return false;
    }
    for (int i = 0; i < BATCH; i++) {
      if (!unwanted.next()) {
        return false;
      }
      image.release(unwanted.offset(), unwanted.length());
    }
    return true;
  }
}
