package io.blkcast.exporter.increment;

import java.util.Optional;

/**
 * Whether a volume's increments are being taken, and why not. Several reasons may hold at once; the
 * one that is told is the one that is hardest to undo: closed is for good; failed and paused hold
 * until resumed, and so does fenced, unless the other exporter turns out not to exist. Belongs to
 * the loop.
 */
final class VolumeLifecycle {

  private final String volume;
  private final VolumeMonitor monitor;
  private boolean ready;
  private boolean paused;
  private boolean failed;
  private boolean fenced;
  private boolean closed;

  /**
   * @param monitor knows the error that failed it
   */
  VolumeLifecycle(String volume, VolumeMonitor monitor) {
    this.volume = volume;
    this.monitor = monitor;
  }

  /**
   * The volume can be published.
   *
   * @return whether it could not before, ever
   */
  boolean ready() {
    boolean first = !ready;
    ready = true;
    return first;
  }

  /** The volume was paused when the exporter ended. */
  void stillPaused() {
    paused = true;
  }

  /** Returns whether that changes anything. */
  boolean pause() {
    boolean changes = !paused && !fenced && !closed;
    paused |= changes;
    return changes;
  }

  /** Returns whether that changes anything. */
  boolean resume() {
    boolean changes = paused || failed || fenced;
    paused = false;
    failed = false;
    fenced = false;
    return changes;
  }

  /** What failed the volume is tried again, as somebody asks for what needs it. */
  void tryAgain() {
    failed = false;
  }

  /** No other exporter has the volume after all. */
  void notFenced() {
    fenced = false;
  }

  boolean isFenced() {
    return fenced;
  }

  /** A person must do something. */
  void fail() {
    failed = true;
  }

  /** Another exporter has the volume. */
  void fence() {
    fenced = true;
  }

  /** The exporter is shutting down. */
  void close() {
    closed = true;
  }

  boolean isPaused() {
    return paused;
  }

  boolean isClosed() {
    return closed;
  }

  /** Whether nothing is tried until someone resumes the volume. */
  boolean isStopped() {
    return failed;
  }

  /** Whether increments may become due by themselves. */
  boolean isScheduled() {
    return !closed && !fenced && !paused;
  }

  VolumeStatus status() {
    if (closed) {
      return VolumeStatus.CLOSED;
    }
    if (fenced) {
      return VolumeStatus.FENCED;
    }
    if (failed) {
      return VolumeStatus.FAILED;
    }
    if (paused) {
      return VolumeStatus.PAUSED;
    }
    return ready ? VolumeStatus.ACTIVE : VolumeStatus.STARTING;
  }

  /** What whoever asks for an increment is told, unless one can be had. */
  Optional<RequestRefusedException> refusal() {
    return switch (status()) {
      case CLOSED -> Optional.of(closing());
      case FENCED ->
          refusal(
              RequestRefusedException.Code.FENCED,
              monitor.lastError().map(Failure::message).orElse("another exporter has this volume"));
      case FAILED ->
          refusal(
              RequestRefusedException.Code.FAILED,
              "stopped: "
                  + monitor.lastError().map(Failure::message).orElse("unknown cause")
                  + "; mend that, then resume the volume");
      case PAUSED ->
          refusal(RequestRefusedException.Code.PAUSED, "paused; resume the volume first");
      case STARTING, ACTIVE -> Optional.empty();
    };
  }

  private Optional<RequestRefusedException> refusal(RequestRefusedException.Code code, String why) {
    return Optional.of(new RequestRefusedException(code, volume + ": " + why));
  }

  /** What whoever waits is told where nothing will come. */
  RequestRefusedException reason() {
    return refusal().orElseGet(this::closing);
  }

  /** What whoever waits is told when the exporter shuts down. */
  RequestRefusedException closing() {
    return new RequestRefusedException(
        RequestRefusedException.Code.CLOSED, volume + ": the exporter is shutting down");
  }
}
