package io.blkcast.log;

import ch.qos.logback.classic.pattern.ClassicConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;

/** The message of a log line: one line, whatever is in it, and not endless. */
public final class MessageConverter extends ClassicConverter {

  /** Longer than any message of ours with all the addresses and paths that it may name. */
  static final int MOST_CHARACTERS = 4096;

  @Override
  public String convert(ILoggingEvent event) {
    return Printable.text(String.valueOf(event.getFormattedMessage()), MOST_CHARACTERS);
  }
}
