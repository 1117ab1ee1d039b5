package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.turbo.TurboFilter;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.read.ListAppender;
import io.blkcast.log.FloodFilter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.Marker;
import org.slf4j.MarkerFactory;

/** The log as all processes write it: what others said comes out as one line, and seldom. */
class LogTest {

  private static final Marker PEER = MarkerFactory.getMarker(FloodFilter.MARKER);
  private static final String FORGED = "x\n02:00:00.000 INFO  all is well\u001b[2J\u202e";
  private static final String ESCAPED = "x\\n02:00:00.000 INFO  all is well\\u001b[2J\\u202e";

  private final LoggerContext context = new LoggerContext();
  private final ListAppender<ILoggingEvent> written = new ListAppender<>();
  private Logger log;

  @BeforeEach
  void configure() throws Exception {
    JoranConfigurator configurator = new JoranConfigurator();
    configurator.setContext(context);
    configurator.doConfigure(LogTest.class.getResource("/logback.xml"));
    written.setContext(context);
    written.start();
    log = context.getLogger("io.blkcast.Test");
    log.setAdditive(false);
    log.addAppender(written);
  }

  @AfterEach
  void stop() {
    context.stop();
  }

  private String line(Throwable thrown, String format, Object... arguments) {
    OutputStreamAppender<ILoggingEvent> console =
        (OutputStreamAppender<ILoggingEvent>)
            context.getLogger(Logger.ROOT_LOGGER_NAME).getAppender("console");
    LoggingEvent event =
        new LoggingEvent(Logger.class.getName(), log, Level.WARN, format, thrown, arguments);
    return new String(console.getEncoder().encode(event), StandardCharsets.UTF_8);
  }

  @Test
  void what_others_said_is_one_line() {
    assertThat(line(null, "no export '{}'", FORGED))
        .contains("no export '" + ESCAPED + "'")
        .matches("[^\\p{Cntrl}]*\n");
  }

  @Test
  void a_message_is_not_endless() {
    assertThat(line(null, "no export '{}'", "y".repeat(64 << 10)))
        .hasSizeLessThan(4500)
        .endsWith("characters more)\n");
  }

  @Test
  void a_stack_trace_has_its_lines_and_no_others() {
    IOException cause = new IOException(FORGED);
    cause.addSuppressed(new IllegalStateException(FORGED));
    String text = line(new RuntimeException(FORGED, cause), "failed");
    assertThat(text)
        .contains("java.lang.RuntimeException: " + ESCAPED)
        .contains("Caused by: java.io.IOException: " + ESCAPED)
        .contains("Suppressed: java.lang.IllegalStateException: " + ESCAPED)
        .contains("\n\tat " + LogTest.class.getName());
    List<String> lines = text.lines().skip(1).toList();
    assertThat(lines)
        .allMatch(
            each -> each.strip().matches("(at |\\.\\.\\. |Caused by: |Suppressed: |java\\.).*"));
  }

  @Test
  void lines_that_others_cause_are_bounded_and_the_rest_is_counted() {
    for (TurboFilter filter : context.getTurboFilterList()) {
      ((FloodFilter) filter).setPeriodMillis(2_000);
    }
    for (int i = 0; i < 1000; i++) {
      log.warn(PEER, "client {} is strange", i);
    }
    log.warn(PEER, "another kind");
    log.warn("not of others");
    assertThat(written.list)
        .extracting(ILoggingEvent::getFormattedMessage)
        .hasSize(22)
        .contains("client 19 is strange", "another kind", "not of others");
    await().until(() -> written.list.size() == 23);
    assertThat(written.list.get(22).getFormattedMessage())
        .isEqualTo("980 more lines of the kind \"client {} is strange\" were left out");
    log.warn(PEER, "client {} is strange", 1000);
    assertThat(written.list).as("a new period").hasSize(24);
  }

  @Test
  void what_is_not_written_anyway_is_not_counted() {
    for (int i = 0; i < 100; i++) {
      log.debug(PEER, "client {} is strange", i);
    }
    log.setLevel(Level.DEBUG);
    log.debug(PEER, "client {} is strange", 100);
    assertThat(written.list).hasSize(1);
  }
}
