package io.blkcast.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.turbo.TurboFilter;
import ch.qos.logback.core.spi.FilterReply;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Marker;

/**
 * Bounds how much a stranger can have written to the log. Lines that carry the marker {@value
 * #MARKER}, which are those that somebody else can cause at will, are counted by kind, which is
 * their text before anything is put into it. Of each kind some are written a minute; how many more
 * there were is told at the end of that minute.
 */
public final class FloodFilter extends TurboFilter {

  /** Name of the marker. */
  public static final String MARKER = "PEER";

  private final Map<String, Kind> kinds = new ConcurrentHashMap<>();
  private int mostLines = 20;
  private long periodMillis = TimeUnit.MINUTES.toMillis(1);

  /** Lines of a kind in a period; the rest is counted. */
  public void setMostLines(int lines) {
    mostLines = lines;
  }

  /** Length of a period. */
  public void setPeriodMillis(long millis) {
    periodMillis = millis;
  }

  @Override
  public FilterReply decide(
      @Nullable Marker marker,
      Logger logger,
      Level level,
      @Nullable String format,
      Object @Nullable [] arguments,
      @Nullable Throwable thrown) {
    if (marker == null
        || format == null
        || !MARKER.equals(marker.getName())
        || !level.isGreaterOrEqual(logger.getEffectiveLevel())) {
      return FilterReply.NEUTRAL;
    }
    Kind kind = kinds.computeIfAbsent(logger.getName() + ' ' + format, ignored -> new Kind());
    return kind.admits(logger, format) ? FilterReply.NEUTRAL : FilterReply.DENY;
  }

  private final class Kind {

    private int lines;
    private long suppressed;

    synchronized boolean admits(Logger logger, String format) {
      if (lines == 0) {
        // The first of a period ends it in time.
        getContext()
            .getScheduledExecutorService()
            .schedule(() -> end(logger, format), periodMillis, TimeUnit.MILLISECONDS);
      }
      if (lines < mostLines) {
        lines++;
        return true;
      }
      suppressed++;
      return false;
    }

    private void end(Logger logger, String format) {
      long untold;
      synchronized (this) {
        untold = suppressed;
        lines = 0;
        suppressed = 0;
      }
      if (untold > 0) {
        logger.warn("{} more lines of the kind \"{}\" were left out", untold, format);
      }
    }
  }
}
