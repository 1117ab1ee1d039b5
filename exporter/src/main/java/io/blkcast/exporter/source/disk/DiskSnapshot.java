package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceException;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;

/** A snapshot of tracked disks. */
final class DiskSnapshot implements Snapshot {

  private final UUID id = UUID.randomUUID();
  private final Instant takenAt;
  private final List<Part> parts;
  private final Consumer<DiskSnapshot> whenClosed;
  private boolean closed;

  private record Part(TrackedDisk disk, HeldImage image) {}

  private DiskSnapshot(Instant takenAt, List<Part> parts, Consumer<DiskSnapshot> whenClosed) {
    this.takenAt = takenAt;
    this.parts = parts;
    this.whenClosed = whenClosed;
  }

  /**
   * Takes a snapshot of the disks, or leaves everything as it was.
   *
   * @param holdLimit most that writes are held back for those under way; past it the take fails
   *     with {@code BUSY}
   */
  static DiskSnapshot take(
      List<TrackedDisk> disks, Clock clock, Duration holdLimit, Consumer<DiskSnapshot> whenClosed)
      throws SourceException {
    List<TrackedDisk> claimed = new ArrayList<>();
    List<DiskDifferenceStorage> storages = new ArrayList<>();
    List<Part> parts = new ArrayList<>();
    try {
      for (TrackedDisk disk : disks) {
        disk.claim();
        claimed.add(disk);
      }
      for (TrackedDisk disk : disks) {
        storages.add(disk.prepareTake());
      }
      Instant takenAt = switchMaps(disks, storages, parts, clock, holdLimit);
      return new DiskSnapshot(takenAt, parts, whenClosed);
    } catch (SourceException | RuntimeException e) {
      undo(claimed, storages, parts, e);
      throw e;
    }
  }

  private static Instant switchMaps(
      List<TrackedDisk> disks,
      List<DiskDifferenceStorage> storages,
      List<Part> parts,
      Clock clock,
      Duration holdLimit)
      throws SourceException {
    // In one order for everybody: two takes that meet do not wait for each other.
    List<TrackedDisk> ordered =
        disks.stream().sorted(Comparator.comparing(TrackedDisk::volume)).toList();
    long deadline = System.nanoTime() + holdLimit.toNanos();
    int held = 0;
    try {
      for (; held < ordered.size(); held++) {
        ordered.get(held).holdWrites(deadline);
      }
      Instant takenAt = clock.instant();
      for (int i = 0; i < disks.size(); i++) {
        parts.add(new Part(disks.get(i), disks.get(i).take(storages.get(i))));
      }
      return takenAt;
    } finally {
      while (held > 0) {
        ordered.get(--held).letWritesGo();
      }
    }
  }

  private static void undo(
      List<TrackedDisk> claimed,
      List<DiskDifferenceStorage> storages,
      List<Part> parts,
      Exception cause) {
    for (int i = parts.size(); i < storages.size(); i++) {
      try {
        storages.get(i).close();
      } catch (IOException e) {
        cause.addSuppressed(e);
      }
    }
    for (int i = 0; i < claimed.size(); i++) {
      try {
        if (i < parts.size()) {
          claimed.get(i).drop(parts.get(i).image);
        } else {
          claimed.get(i).unclaim();
        }
      } catch (SourceException e) {
        cause.addSuppressed(e);
      }
    }
  }

  @Override
  public UUID id() {
    return id;
  }

  @Override
  public Instant takenAt() {
    return takenAt;
  }

  @Override
  public List<Image> images() {
    return parts.stream().map(part -> (Image) part.image).toList();
  }

  @Override
  public synchronized void close() throws SourceException {
    if (closed) {
      return;
    }
    closed = true;
    SourceException failure = null;
    for (Part part : parts) {
      try {
        part.disk.drop(part.image);
      } catch (SourceException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    whenClosed.accept(this);
    if (failure != null) {
      throw failure;
    }
  }
}
