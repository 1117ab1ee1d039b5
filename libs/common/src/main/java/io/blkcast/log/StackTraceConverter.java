package io.blkcast.log;

import ch.qos.logback.classic.pattern.ThrowableProxyConverter;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.StackTraceElementProxy;
import ch.qos.logback.classic.spi.ThrowableProxy;
import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Stack traces, in lines as usual. Only their messages may hold what others said; they are treated
 * as {@link MessageConverter} does.
 */
public final class StackTraceConverter extends ThrowableProxyConverter {

  /**
   * Formats a trace that nobody sees, so that all classes are loaded. Later there may be no file
   * descriptor left to load them with, and a thread that accepts connections would end of that.
   */
  @Override
  public void start() {
    super.start();
    IOException cause = new IOException("\n");
    cause.addSuppressed(new IllegalStateException("\n"));
    throwableProxyToString(new ThrowableProxy(new RuntimeException("\n", cause)));
  }

  @Override
  protected String throwableProxyToString(IThrowableProxy thrown) {
    return super.throwableProxyToString(new Clean(thrown));
  }

  /** The same throwable with a clean message. */
  private record Clean(IThrowableProxy thrown) implements IThrowableProxy {

    private static @Nullable String clean(@Nullable String message) {
      return message == null ? null : Printable.text(message, MessageConverter.MOST_CHARACTERS);
    }

    @Override
    public @Nullable String getMessage() {
      return clean(thrown.getMessage());
    }

    @Override
    public @Nullable String getOverridingMessage() {
      return clean(thrown.getOverridingMessage());
    }

    @Override
    public String getClassName() {
      return thrown.getClassName();
    }

    @Override
    public StackTraceElementProxy[] getStackTraceElementProxyArray() {
      return thrown.getStackTraceElementProxyArray();
    }

    @Override
    public int getCommonFrames() {
      return thrown.getCommonFrames();
    }

    @Override
    public @Nullable IThrowableProxy getCause() {
      IThrowableProxy cause = thrown.getCause();
      return cause == null ? null : new Clean(cause);
    }

    @Override
    public IThrowableProxy[] getSuppressed() {
      return Arrays.stream(thrown.getSuppressed()).map(Clean::new).toArray(IThrowableProxy[]::new);
    }

    @Override
    public boolean isCyclic() {
      return thrown.isCyclic();
    }
  }
}
