package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.slf4j.LoggerFactory;

/**
 * Makes an error of what Vert.x's blocked-thread checker reports of event loops. Only reports that
 * come with a stack (blocked for five seconds) and show our code count: a machine short of CPU
 * holds any thread up for a while.
 */
final class NoBlockedLoops implements BeforeAllCallback, AfterAllCallback {

  private final ListAppender<ILoggingEvent> reports = new ListAppender<>();

  private static Logger checker() {
    return (Logger)
        LoggerFactory.getLogger("io.vertx.core.internal.threadchecker.BlockedThreadChecker");
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    reports.start();
    checker().addAppender(reports);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    checker().detachAppender(reports);
    List<String> blocked =
        reports.list.stream()
            .filter(report -> report.getThrowableProxy() != null)
            .map(
                report ->
                    report.getFormattedMessage()
                        + "\n"
                        + ThrowableProxyUtil.asString(report.getThrowableProxy()))
            .filter(report -> report.contains("eventloop") && report.contains("io.blkcast"))
            .toList();
    assertThat(blocked).as("event loops that were blocked").isEmpty();
  }
}
