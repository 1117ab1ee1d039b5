package io.blkcast.exporter.increment;

import io.blkcast.exporter.increment.BackpressurePolicy.Decision;
import io.blkcast.exporter.increment.BackpressurePolicy.Sample;
import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.exporter.source.Snapshot.StorageUsage;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Looks at the difference storage a few times a second while an increment is exported, and hands on
 * what its {@link BackpressurePolicy} decides. On the loop but for the looking.
 */
final class BackpressureController {

  private static final Duration EVERY = Duration.ofMillis(250);

  private final Loop loop;
  private final Image image;
  private final long totalBytes;
  private final Consumer<Decision> decided;
  private final BackpressurePolicy guard = new BackpressurePolicy();
  private final Promise<Void> idle = Promise.promise();
  private long doneBytes;
  private boolean looking;
  private boolean stopped;
  private Loop.@Nullable Timer timer;

  /**
   * @param totalBytes of the increment
   * @param decided called on the loop at every look
   */
  BackpressureController(Loop loop, Image image, long totalBytes, Consumer<Decision> decided) {
    this.loop = loop;
    this.image = image;
    this.totalBytes = totalBytes;
    this.decided = decided;
  }

  /** Looks now and from now on. */
  void start() {
    timer = null;
    if (stopped) {
      return;
    }
    looking = true;
    loop.blocking(Pool.SOURCE, image::storage)
        .onComplete(
            usage -> {
              looking = false;
              if (stopped) {
                idle.tryComplete();
                return;
              }
              if (usage.succeeded()) {
                decide(usage.result());
              }
              timer = stopped ? null : loop.schedule(EVERY, this::start);
            });
  }

  private void decide(StorageUsage usage) {
    decided.accept(
        guard.decide(
            new Sample(
                loop.clock().instant(),
                usage.usedBytes(),
                usage.limitBytes(),
                doneBytes,
                totalBytes)));
  }

  /** Bytes of the increment that need not be kept any more. */
  void done(long bytes) {
    doneBytes += bytes;
  }

  /** Ends; completes when the image is not looked at any more. */
  Future<Void> stop() {
    stopped = true;
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
    if (!looking) {
      idle.tryComplete();
    }
    return idle.future();
  }
}
