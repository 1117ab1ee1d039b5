package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.schema.Severity;
import io.blkcast.schema.VolumeEvent;
import io.blkcast.schema.VolumeEventType;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes a volume's events one after the other. Where Kafka does not take them, the oldest are
 * dropped; all of them are in the log as well. Belongs to the loop.
 */
final class EventSender {

  private static final Logger LOG = LoggerFactory.getLogger(EventSender.class);

  private static final int MOST_WAITING = 64;

  private final Loop loop;
  private final String volume;
  private final VolumePublisher publisher;
  private final Deque<VolumeEvent> waiting = new ArrayDeque<>();
  private boolean sending;

  EventSender(Loop loop, String volume, VolumePublisher publisher) {
    this.loop = loop;
    this.volume = volume;
    this.publisher = publisher;
  }

  /** As below, of the volume as a whole. */
  void send(VolumeEventType type, Severity severity, String message) {
    send(type, severity, message, Optional.empty(), Map.of());
  }

  /** As below, of what happened at the source. */
  void send(SourceEvents.Told told, Optional<UUID> incrementId) {
    send(told.type(), told.severity(), told.message(), incrementId, told.attributes());
  }

  void send(
      VolumeEventType type,
      Severity severity,
      String message,
      Optional<UUID> incrementId,
      Map<String, String> attributes) {
    switch (severity) {
      case INFO -> LOG.info("{}: {}", volume, message);
      case WARNING -> LOG.warn("{}: {}", volume, message);
      case ERROR -> LOG.error("{}: {}", volume, message);
    }
    if (waiting.size() == MOST_WAITING) {
      waiting.remove();
    }
    waiting.add(
        VolumeEvent.newBuilder()
            .setVolume(volume)
            .setType(type)
            .setSeverity(severity)
            .setMessage(message)
            .setIncrementId(incrementId.orElse(null))
            .setAttributes(attributes)
            .setOccurredAt(loop.clock().instant())
            .build());
    next();
  }

  private void next() {
    VolumeEvent event = sending ? null : waiting.poll();
    if (event == null) {
      return;
    }
    sending = true;
    loop.perform(
            Pool.PUBLISH,
            () ->
                publisher
                    .event(event)
                    .whenComplete(
                        (ok, e) -> {
                          if (e != null) {
                            LOG.debug("{}: event not published: {}", volume, e.toString());
                          }
                        }))
        .onComplete(
            sent -> {
              sending = false;
              next();
            });
  }
}
