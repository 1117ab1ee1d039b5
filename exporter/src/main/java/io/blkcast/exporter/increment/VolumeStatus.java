package io.blkcast.exporter.increment;

/** Whether a volume's increments are being taken at all. */
public enum VolumeStatus {
  /** The volume is not tracked yet, or its publisher not open; tried again by itself. */
  STARTING,
  /** Ready, or at work. */
  ACTIVE,
  /** Triggers are off until resumed. */
  PAUSED,
  /** Needs a person: the last error says what. Resuming tries again. */
  FAILED,
  /** Another exporter has taken the volume over; looked at again from time to time. */
  FENCED,
  /** Shut down. */
  CLOSED
}
