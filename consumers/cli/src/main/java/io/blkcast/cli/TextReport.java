package io.blkcast.cli;

import io.blkcast.client.FollowerListener;
import io.blkcast.client.IncrementException;
import io.blkcast.log.Printable;
import io.blkcast.schema.IncrementCommitted;
import java.io.PrintWriter;
import java.util.Locale;

/** Tells people what a replicator does: a line for each increment, on a terminal a bar too. */
public final class TextReport implements FollowerListener {

  private static final long REDRAW_NANOS = 200_000_000;
  private static final int BAR = 30;

  private final PrintWriter out;
  private final boolean terminal;
  private long started;
  private long drawn;
  private long done;
  private Phase phase = Phase.VERIFY;
  private boolean idle;

  /**
   * @param terminal whether a line may be drawn over
   */
  public TextReport(PrintWriter out, boolean terminal) {
    this.out = out;
    this.terminal = terminal;
  }

  @Override
  public void started(IncrementCommitted manifest) {
    started = System.nanoTime();
    phase = Phase.VERIFY;
    done = 0;
    idle = false;
  }

  @Override
  public void progress(IncrementCommitted manifest, Phase now, long bytes) {
    if (now != phase) {
      phase = now;
      done = 0;
    }
    done += bytes;
    long time = System.nanoTime();
    if (terminal && time - drawn > REDRAW_NANOS) {
      drawn = time;
      int filled =
          manifest.getChangedBytes() == 0 ? BAR : (int) (done * BAR / manifest.getChangedBytes());
      out.printf(
          Locale.ROOT,
          "\r%s %-6s [%s%s] %s",
          manifest.getVolume(),
          phase.toString().toLowerCase(Locale.ROOT),
          "#".repeat(filled),
          " ".repeat(BAR - filled),
          mib(done));
      out.flush();
    }
  }

  @Override
  public void applied(IncrementCommitted manifest) {
    clearLine();
    double seconds = (System.nanoTime() - started) / 1e9;
    out.printf(
        Locale.ROOT,
        "%s: %s %d (%s): %s changed, %s payload, applied in %.1f s%n",
        manifest.getVolume(),
        manifest.getKind(),
        manifest.getChainLength(),
        manifest.getIncrementId(),
        mib(manifest.getChangedBytes()),
        mib(manifest.getPayloadBytes()),
        seconds);
    out.flush();
  }

  @Override
  public void refused(IncrementCommitted manifest, IncrementException cause) {
    clearLine();
    out.printf(
        "%s: not applied: %s%n",
        manifest.getVolume(), Printable.text(String.valueOf(cause.getMessage())));
    out.flush();
  }

  @Override
  public void resyncRequested(String reason) {
    clearLine();
    out.println("asked the exporter for a BASELINE");
    out.flush();
  }

  @Override
  public void stalled(String cause) {
    clearLine();
    idle = false;
    out.println("held up: " + cause);
    out.flush();
  }

  @Override
  public void caughtUp() {
    if (terminal && !idle) {
      idle = true;
      out.println("caught up, waiting for the next increment");
      out.flush();
    }
  }

  private void clearLine() {
    if (terminal) {
      out.print("\r" + " ".repeat(78) + "\r");
    }
  }

  private static String mib(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
  }
}
