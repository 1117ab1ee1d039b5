package io.blkcast.exporter.http;

import io.blkcast.exporter.increment.AttemptResult;
import io.blkcast.exporter.increment.Failure;
import io.blkcast.exporter.increment.Progress;
import io.blkcast.exporter.increment.VolumeMachine;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.schema.IncrementCommitted;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/** What the API shows, as {@code openapi.yaml} describes it. What is not there is left out. */
final class Views {

  private Views() {}

  static JsonObject volumes(List<VolumeMachine> volumes) {
    JsonArray all = new JsonArray();
    volumes.forEach(volume -> all.add(volume(volume)));
    return new JsonObject().put("volumes", all);
  }

  static JsonObject volume(VolumeMachine volume) {
    JsonObject json =
        new JsonObject()
            .put("name", volume.volume())
            .put("usable", volume.monitor().isUsable())
            .put("source", source(volume))
            .put("progress", progress(volume.monitor().progress()));
    volume
        .monitor()
        .storage()
        .ifPresent(
            use -> {
              JsonObject storage =
                  new JsonObject()
                      .put("usedBytes", use.usedBytes())
                      .put("limitBytes", use.limitBytes());
              put(storage, "pressure", volume.monitor().pressure());
              volume
                  .monitor()
                  .untilFull()
                  .ifPresent(left -> storage.put("secondsUntilFull", left.toSeconds()));
              json.put("differenceStorage", storage);
            });
    return json;
  }

  private static JsonObject source(VolumeMachine volume) {
    return new JsonObject()
        .put("description", volume.sourceDescription())
        .put("release", volume.features().release())
        .put("epochs", volume.features().epochs())
        .put("groupInstant", volume.features().groupInstant());
  }

  static JsonObject progress(Progress progress) {
    JsonObject json =
        new JsonObject()
            .put("volume", progress.volume())
            .put("status", progress.status().name())
            .put("state", progress.state().name())
            .put("bytesTotal", progress.bytesTotal())
            .put("bytesDone", progress.bytesDone())
            .put("bytesPublished", progress.bytesPublished())
            .put("bytesPerSecond", progress.bytesPerSecond());
    put(json, "incrementId", progress.incrementId());
    put(json, "kind", progress.kind());
    put(json, "trigger", progress.trigger());
    progress.remaining().ifPresent(left -> json.put("remainingSeconds", left.toSeconds()));
    put(json, "startedAt", progress.startedAt());
    put(json, "retryAt", progress.retryAt());
    put(json, "nextAt", progress.nextAt());
    progress.lastError().ifPresent(failure -> json.put("lastError", failure(failure)));
    put(json, "committedId", progress.committedId());
    put(json, "committedAt", progress.committedAt());
    return json;
  }

  static JsonObject history(List<AttemptResult> attempts) {
    JsonArray all = new JsonArray();
    attempts.forEach(attempt -> all.add(attempt(attempt)));
    return new JsonObject().put("increments", all);
  }

  private static JsonObject attempt(AttemptResult attempt) {
    JsonObject json =
        new JsonObject()
            .put("outcome", attempt.failure().isPresent() ? "ABORTED" : "COMMITTED")
            .put("trigger", attempt.trigger().label())
            .put("startedAt", attempt.startedAt().toString())
            .put("finishedAt", attempt.finishedAt().toString())
            .put("changedBytes", attempt.changedBytes())
            .put("payloadBytes", attempt.payloadBytes());
    put(json, "incrementId", attempt.incrementId());
    put(json, "kind", attempt.kind());
    put(json, "takenAt", attempt.takenAt());
    attempt.failure().ifPresent(failure -> json.put("failure", failure(failure)));
    return json;
  }

  static JsonObject committed(Committed committed) {
    IncrementCommitted manifest = committed.manifest();
    JsonObject json =
        new JsonObject()
            .put("volume", manifest.getVolume())
            .put("incrementId", manifest.getIncrementId().toString())
            .put("kind", manifest.getKind().name())
            .put("chainLength", manifest.getChainLength())
            .put("capacityBytes", manifest.getVolumeCapacityBytes())
            .put("changedBytes", manifest.getChangedBytes())
            .put("zeroBytes", manifest.getZeroBytes())
            .put("payloadBytes", manifest.getPayloadBytes())
            .put("extents", manifest.getExtentCount())
            .put("chunks", manifest.getChunkCount())
            .put("takenAt", manifest.getSnapshotTakenAt().toString())
            .put("committedAt", manifest.getCommittedAt().toString())
            .put("contentDigest", HexFormat.of().formatHex(bytes(manifest)));
    put(json, "parentIncrementId", Optional.ofNullable(manifest.getParentIncrementId()));
    put(json, "groupId", Optional.ofNullable(manifest.getGroupId()));
    return json;
  }

  private static byte[] bytes(IncrementCommitted manifest) {
    byte[] digest = new byte[manifest.getContentDigest().remaining()];
    manifest.getContentDigest().duplicate().get(digest);
    return digest;
  }

  static JsonObject failure(Failure failure) {
    return new JsonObject()
        .put("code", failure.code())
        .put("message", failure.message())
        .put("at", failure.at().toString());
  }

  private static void put(JsonObject json, String key, Optional<?> value) {
    value.ifPresent(present -> json.put(key, present.toString()));
  }
}
