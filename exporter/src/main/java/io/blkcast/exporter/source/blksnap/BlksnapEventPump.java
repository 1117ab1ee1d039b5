package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.SourceEvent;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread that waits for the module's events and passes them on as the exporter's. It waits in
 * slices, so that {@link #close} is bounded by one.
 */
final class BlksnapEventPump {

  private static final Logger log = LoggerFactory.getLogger(BlksnapEventPump.class);

  /** Longest wait in the kernel, and so the most that closing takes. */
  private static final int SLICE_MS = 250;

  private final BlksnapSource source;
  private final ControlDevice control;
  private final boolean ownControl;
  private final UUID snapshot;
  private final List<String> members;
  private final Thread thread;
  private volatile boolean closed;

  private BlksnapEventPump(
      BlksnapSource source,
      ControlDevice control,
      boolean ownControl,
      UUID snapshot,
      List<String> members,
      String name) {
    this.source = source;
    this.control = control;
    this.ownControl = ownControl;
    this.snapshot = snapshot;
    this.members = members;
    thread = new Thread(this::run, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** Pumps the events of one snapshot, until it is gone. */
  static BlksnapEventPump ofSnapshot(BlksnapSource source, UUID snapshot, List<String> members) {
    return new BlksnapEventPump(
        source, source.control(), false, snapshot, members, "blksnap-events-" + snapshot);
  }

  /** Pumps the events of all devices: subscribed to by a descriptor of its own. */
  static BlksnapEventPump ofDevices(BlksnapSource source) throws ErrnoException {
    ControlDevice control = new ControlDevice();
    try {
      control.subscribeToDevices();
    } catch (ErrnoException e) {
      control.close();
      throw e;
    }
    return new BlksnapEventPump(
        source, control, true, ControlDevice.DEVICES, List.of(), "blksnap-events-devices");
  }

  /** Makes the thread end at its next wake-up, without waiting for it. */
  void stop() {
    closed = true;
  }

  void close() {
    stop();
    try {
      if (Thread.currentThread() != thread) {
        thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (ownControl) {
      control.close();
    }
  }

  private void run() {
    while (!closed) {
      try {
        Optional<ControlDevice.Event> event = control.waitEvent(snapshot, SLICE_MS);
        event.ifPresent(this::pass);
      } catch (ErrnoException e) {
        if (!closed && e.errno() != ErrnoException.ESRCH) {
          log.warn("events of blksnap are lost from here on: {}", e.getMessage());
        }
        return;
      }
    }
  }

  private void pass(ControlDevice.Event event) {
    ByteBuffer data = event.data();
    Instant at = event.at();
    switch (event.code()) {
      case Abi.EVENT_CORRUPTED ->
          toVolume(
              data,
              v -> new SourceEvent.Corrupted(v, at, ErrnoException.name(Math.abs(data.getInt(8)))));
      case Abi.EVENT_NO_SPACE ->
          toMembers(v -> new SourceEvent.NoSpace(v, at, data.getLong(0) * Abi.SECTOR));
      case Abi.EVENT_WATERMARK ->
          toMembers(
              v ->
                  new SourceEvent.Watermark(
                      v, at, data.getLong(0) * Abi.SECTOR, data.getLong(8) * Abi.SECTOR));
      case Abi.EVENT_CHANGED ->
          toVolume(data, v -> new SourceEvent.Changed(v, at, data.getLong(8)));
      case Abi.EVENT_RESIZED ->
          toVolume(data, v -> new SourceEvent.Resized(v, at, data.getLong(8), data.getLong(16)));
      case Abi.EVENT_REMOVED -> toVolume(data, v -> new SourceEvent.Removed(v, at));
      case Abi.EVENT_LOST -> log.warn("blksnap dropped events: they were not read in time");
      default -> log.info("blksnap raised an event of unknown code {}", event.code());
    }
  }

  private interface OfVolume {
    SourceEvent make(String volume);
  }

  private void toMembers(OfVolume event) {
    members.forEach(volume -> source.raise(event.make(volume)));
  }

  /** Passes the event to the volume whose device number stands at the start of the data. */
  private void toVolume(ByteBuffer data, OfVolume event) {
    long wanted = FilteredDevice.makedev(data.getInt(0), data.getInt(4));
    source
        .devices()
        .forEach(
            (volume, device) -> {
              if (device.number() == wanted) {
                source.raise(event.make(volume));
              }
            });
  }
}
