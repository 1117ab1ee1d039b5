package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.schema.Consistency;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;

/** A snapshot that several volumes use, each until it is done; the last one destroys it. */
final class GroupSnapshot {

  private final Snapshot snapshot;
  private final ChangeSource source;
  private final Optional<UUID> groupId;
  private final Quiescer.Level level;
  private final AtomicInteger users;
  private final Promise<Void> unused = Promise.promise();

  /**
   * @param groupId common to the increments made of it; empty for a volume on its own
   * @param level what the hooks around it achieved
   */
  GroupSnapshot(
      Snapshot snapshot, ChangeSource source, Optional<UUID> groupId, Quiescer.Level level) {
    this.snapshot = snapshot;
    this.source = source;
    this.groupId = groupId;
    this.level = level;
    this.users = new AtomicInteger(snapshot.images().size());
  }

  /** Completes when the last volume is done with it. */
  Future<Void> unused() {
    return unused.future();
  }

  /** The share of the volume whose image is the given one. */
  Share share(Image image, Future<Void> destroyed) {
    return new Share(image, destroyed);
  }

  /** What one volume has of the snapshot. */
  final class Share {

    private final Image image;
    private final Future<Void> destroyed;

    private Share(Image image, Future<Void> destroyed) {
      this.image = image;
      this.destroyed = destroyed;
    }

    Image image() {
      return image;
    }

    UUID snapshotId() {
      return snapshot.id();
    }

    Optional<UUID> groupId() {
      return groupId;
    }

    Instant takenAt() {
      return snapshot.takenAt();
    }

    String sourceType() {
      return source.type();
    }

    boolean canRelease() {
      return source.features().release();
    }

    /** What is known for certain, and no more. */
    Consistency consistency() {
      if (level == Quiescer.Level.APPLICATION) {
        return Consistency.APPLICATION;
      }
      if (level == Quiescer.Level.FILESYSTEM || image.filesystemFrozen()) {
        return Consistency.FILESYSTEM;
      }
      return groupId.isPresent() && source.features().groupInstant()
          ? Consistency.GROUP_CRASH
          : Consistency.CRASH;
    }

    /**
     * Done with the image. Called once.
     *
     * @return for the last volume, completes when the snapshot is destroyed, or could not be
     */
    Future<Void> close() {
      if (users.decrementAndGet() > 0) {
        return Future.succeededFuture();
      }
      unused.complete();
      return destroyed;
    }
  }
}
