package io.blkcast.replicator;

import io.blkcast.client.FollowerListener;
import io.blkcast.client.IncrementException;
import io.blkcast.file.FileReplacement;
import io.blkcast.schema.IncrementCommitted;
import java.io.IOException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a file anew while the replicator gets on, once a second at most: each time Kafka has
 * answered that there is nothing more, and as content is read and applied. So the file's age tells
 * how long the replicator has been stuck, without its brokers, or unable to see what is committed.
 * All else goes to another listener.
 */
public final class HealthFile implements FollowerListener {

  private static final Logger LOG = LoggerFactory.getLogger(HealthFile.class);
  private static final long INTERVAL_NANOS = 1_000_000_000L;

  private final Path file;
  private final FollowerListener next;
  private boolean failing;
  private long beaten = System.nanoTime() - INTERVAL_NANOS;

  public HealthFile(Path file, FollowerListener next) {
    this.file = file;
    this.next = next;
  }

  private void beat() {
    long now = System.nanoTime();
    if (now - beaten < INTERVAL_NANOS) {
      return;
    }
    beaten = now;
    try {
      FileReplacement.replace(file, new byte[0]);
      failing = false;
    } catch (IOException e) {
      // Whoever looks at the file's age will notice; that is no reason to stop replicating.
      if (!failing) {
        LOG.warn("cannot write the health file {}: {}", file, e.toString());
      }
      failing = true;
    }
  }

  @Override
  public void started(IncrementCommitted manifest) {
    next.started(manifest);
  }

  @Override
  public void progress(IncrementCommitted manifest, Phase phase, long bytes) {
    beat();
    next.progress(manifest, phase, bytes);
  }

  @Override
  public void applied(IncrementCommitted manifest) {
    beat();
    next.applied(manifest);
  }

  @Override
  public void refused(IncrementCommitted manifest, IncrementException cause) {
    next.refused(manifest, cause);
  }

  @Override
  public void resyncRequested(String reason) {
    next.resyncRequested(reason);
  }

  @Override
  public void skipped(String what) {
    next.skipped(what);
  }

  @Override
  public void stalled(String cause) {
    next.stalled(cause);
  }

  @Override
  public void caughtUp() {
    beat();
    next.caughtUp();
  }

  @Override
  public void idle() {
    beat();
    next.idle();
  }
}
