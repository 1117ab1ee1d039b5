package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.schema.Severity;
import io.blkcast.schema.VolumeEventType;
import java.util.Map;
import java.util.TreeMap;

/**
 * Puts what happens to a source and to attempts into the words of {@link
 * io.blkcast.schema.VolumeEvent}.
 */
final class SourceEvents {

  /** An event as it is published. */
  record Told(
      VolumeEventType type, Severity severity, String message, Map<String, String> attributes) {}

  private SourceEvents() {}

  static Told tell(SourceEvent event) {
    if (event instanceof SourceEvent.Corrupted corrupted) {
      return new Told(
          VolumeEventType.SNAPSHOT_CORRUPTED,
          Severity.WARNING,
          "snapshot corrupted: " + corrupted.cause(),
          Map.of());
    }
    if (event instanceof SourceEvent.NoSpace full) {
      return new Told(
          VolumeEventType.NO_SPACE,
          Severity.WARNING,
          "the difference storage is full",
          Map.of("requested_bytes", Long.toString(full.requestedBytes())));
    }
    if (event instanceof SourceEvent.Watermark watermark) {
      return new Told(
          VolumeEventType.STORAGE_WATERMARK,
          Severity.WARNING,
          "the difference storage holds "
              + watermark.usedBytes()
              + " of "
              + watermark.limitBytes()
              + " bytes",
          Map.of(
              "used_bytes", Long.toString(watermark.usedBytes()),
              "limit_bytes", Long.toString(watermark.limitBytes())));
    }
    if (event instanceof SourceEvent.Changed changed) {
      return new Told(
          VolumeEventType.CHANGED_THRESHOLD,
          Severity.INFO,
          changed.changedBytes() + " bytes changed since the last snapshot",
          Map.of("changed_bytes", Long.toString(changed.changedBytes())));
    }
    if (event instanceof SourceEvent.Resized resized) {
      return new Told(
          VolumeEventType.RESIZED,
          Severity.WARNING,
          "resized from "
              + resized.oldBytes()
              + " to "
              + resized.newBytes()
              + " bytes; the next increment is a BASELINE",
          Map.of(
              "old_bytes", Long.toString(resized.oldBytes()),
              "new_bytes", Long.toString(resized.newBytes())));
    }
    if (event instanceof SourceEvent.HistoryLost lost) {
      return new Told(
          VolumeEventType.RESYNC_NEEDED,
          Severity.ERROR,
          lost.cause() + "; the next increment is a BASELINE",
          Map.of());
    }
    return new Told(VolumeEventType.REMOVED, Severity.ERROR, "the device is gone", Map.of());
  }

  /** How the difference storage fills up while an increment is exported. */
  static Told tell(BackpressurePolicy.Decision decision) {
    BackpressurePolicy.Sample sample = decision.sample();
    Map<String, String> attributes = new TreeMap<>();
    attributes.put("pressure", decision.pressure().name());
    attributes.put("used_bytes", Long.toString(sample.usedBytes()));
    attributes.put("limit_bytes", Long.toString(sample.limitBytes()));
    attributes.put("fill_bytes_per_second", Long.toString(decision.fillPerSecond()));
    attributes.put("remaining_bytes", Long.toString(sample.totalBytes() - sample.doneBytes()));
    decision
        .untilFull()
        .ifPresent(left -> attributes.put("millis_until_full", Long.toString(left.toMillis())));
    decision
        .untilDone()
        .ifPresent(left -> attributes.put("millis_until_done", Long.toString(left.toMillis())));
    String full =
        decision.untilFull().map(left -> ", full in " + left.toMillis() + " ms").orElse("");
    return new Told(
        VolumeEventType.STORAGE_WATERMARK,
        decision.pressure() == BackpressurePolicy.Pressure.PRESSED
            ? Severity.INFO
            : Severity.WARNING,
        "the difference storage holds "
            + sample.usedBytes()
            + " of "
            + sample.limitBytes()
            + " bytes"
            + full
            + switch (decision.pressure()) {
              case CALM, PRESSED -> "; the export reads faster";
              case CRITICAL ->
                  "; the export reads as fast as it may. Raise differenceStorage.limit if this is"
                      + " not a rare load";
              case LOST -> "; the increment is given up and taken anew";
            },
        attributes);
  }

  /** An attempt that has come to nothing. */
  static Told tell(FailureClassification verdict) {
    boolean foreign = verdict.code().equals(FailureClassification.FOREIGN);
    return new Told(
        failureType(verdict.code()),
        verdict.next() == FailureClassification.Next.RETRY && !foreign
            ? Severity.WARNING
            : Severity.ERROR,
        "increment given up: "
            + verdict.message()
            + (foreign ? "; the next increment is a BASELINE" : ""),
        Map.of("code", verdict.code()));
  }

  private static VolumeEventType failureType(String code) {
    return switch (code) {
      case "snapshot-corrupted" -> VolumeEventType.SNAPSHOT_CORRUPTED;
      case "source-no-space" -> VolumeEventType.NO_SPACE;
      case "source-gone" -> VolumeEventType.REMOVED;
      case "fenced" -> VolumeEventType.FENCED;
      case FailureClassification.FOREIGN -> VolumeEventType.RESYNC_NEEDED;
      default -> VolumeEventType.INCREMENT_FAILED;
    };
  }
}
