package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.TrackingInfo.Position;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.Source;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;

/**
 * What an increment of an image holds: what changed since the parent's snapshot, or everything
 * where that cannot be told.
 *
 * @param map of the image
 * @param parent increment that this one stands on; empty for a BASELINE
 * @param reason why it is a BASELINE, for people; empty for a DELTA
 * @param lost whether it is one because what changed since the last increment cannot be told, which
 *     must not be forgotten before a BASELINE is committed
 * @param extents makes a new cursor over the extents
 * @param changedBytes of all extents
 * @param extentCount extents
 */
record IncrementPlan(
    ChangeMap map,
    Optional<Checkpoint> parent,
    String reason,
    boolean lost,
    Supplier<ExtentCursor> extents,
    long changedBytes,
    long extentCount) {

  IncrementKind kind() {
    return parent.isPresent() ? IncrementKind.DELTA : IncrementKind.BASELINE;
  }

  /**
   * Reads the change map and decides. Takes as long as a scan of the map; for a pool.
   *
   * @param type of the source
   * @param committed last committed increment of the volume
   * @param doubt why the committed increment is not to be built on
   * @param resync whether a BASELINE was asked for
   */
  static IncrementPlan of(
      Image image,
      String type,
      Optional<Checkpoint> committed,
      Optional<String> doubt,
      boolean resync)
      throws SourceException {
    ChangeMap map = image.changeMap();
    TrackingInfo info = image.info();
    if (doubt.isPresent()) {
      return baseline(map, doubt.get());
    }
    if (committed.isEmpty()) {
      return baseline(map, "nothing was published before");
    }
    if (resync) {
      return baseline(map, "a resync was asked for");
    }
    Checkpoint parent = committed.get();
    if (!parent.getSource().getType().equals(type)) {
      return lost(
          map, "the last increment came from a source of type " + parent.getSource().getType());
    }
    if (parent.getVolumeCapacityBytes() != info.capacityBytes()) {
      return lost(
          map,
          "the volume had "
              + parent.getVolumeCapacityBytes()
              + " bytes and has "
              + info.capacityBytes());
    }
    if (parent.getBlockSizeBytes() != info.blockSize()) {
      return lost(map, "the size of tracking blocks is another");
    }
    Position base = position(parent.getSource());
    if (!base.trackingId().equals(info.position().trackingId())) {
      return lost(map, "tracking began anew after the last increment");
    }
    ChangeMap.Since since = map.since(base);
    if (since instanceof ChangeMap.Changes changes) {
      return new IncrementPlan(
          map,
          committed,
          "",
          false,
          () -> ExtentCursor.of(changes),
          changes.bytes(),
          changes.extents());
    }
    return lost(map, since instanceof ChangeMap.Lost lost ? lost.reason() : "the map cannot tell");
  }

  private static IncrementPlan lost(ChangeMap map, String reason) {
    return baseline(map, reason, true);
  }

  private static IncrementPlan baseline(ChangeMap map, String reason) {
    return baseline(map, reason, false);
  }

  private static IncrementPlan baseline(ChangeMap map, String reason, boolean lost) {
    long capacity = map.info().capacityBytes();
    return new IncrementPlan(
        map,
        Optional.empty(),
        reason,
        lost,
        () -> ExtentCursor.whole(capacity),
        capacity,
        capacity > 0 ? 1 : 0);
  }

  /**
   * In which order the chunks are best published. Takes as long as a scan of the map; for a pool.
   *
   * @param releasing whether what is published is released, so that the order matters
   */
  ExportOrder order(int chunkBytes, boolean releasing) {
    if (!releasing) {
      return ExportOrder.ascending(extents);
    }
    ChangeMap.Changes latest = map.latest();
    return ExportOrder.latestFirst(
        extents,
        changedBytes,
        () -> ExtentCursor.of(latest),
        map.info().capacityBytes(),
        chunkBytes);
  }

  private static Position position(Source source) {
    Long epoch = source.getEpoch();
    return new Position(
        source.getTrackingId(),
        source.getGeneration(),
        source.getChangesNumber(),
        epoch == null ? OptionalLong.empty() : OptionalLong.of(epoch),
        Optional.ofNullable(source.getIncarnation()));
  }

  /** The image's place in the change tracker's own terms, as records carry it. */
  Source source(Image image, String type, HostIdentity host) {
    Position now = image.info().position();
    Optional<Source> base = parent.map(Checkpoint::getSource);
    return Source.newBuilder()
        .setType(type)
        .setHost(host.name())
        .setBootId(host.bootId())
        .setTrackingId(now.trackingId())
        .setGeneration(now.generation())
        .setBaseChangesNumber(base.map(Source::getChangesNumber).orElse(0))
        .setChangesNumber(now.changesNumber())
        .setBaseEpoch(base.map(Source::getEpoch).orElse(null))
        .setEpoch(now.epoch().isPresent() ? (Long) now.epoch().getAsLong() : null)
        .setIncarnation(now.incarnation().orElse(null))
        .build();
  }
}
