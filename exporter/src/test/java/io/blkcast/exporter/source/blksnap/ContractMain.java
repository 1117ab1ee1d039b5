package io.blkcast.exporter.source.blksnap;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.List;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/**
 * Runs {@link BlksnapSourceContract} and {@link BlksnapPlainContract}, or with the argument {@code
 * server} {@link BlksnapServerContract}, where there is no Maven. Prints a line for each test,
 * {@code ok} or {@code not ok} and its name; exits with 1 if one failed or none ran.
 */
final class ContractMain {

  private ContractMain() {}

  public static void main(String[] args) {
    boolean server = args.length > 0 && args[0].equals("server");
    List<Class<?>> contracts =
        server
            ? List.of(BlksnapServerContract.class)
            : List.of(BlksnapSourceContract.class, BlksnapPlainContract.class);
    SummaryGeneratingListener summary = new SummaryGeneratingListener();
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(contracts.stream().map(contract -> selectClass(contract)).toList())
                .build(),
            summary,
            new Printer());
    TestExecutionSummary result = summary.getSummary();
    boolean good = result.getTestsFoundCount() > 0 && result.getTotalFailureCount() == 0;
    System.exit(good ? 0 : 1);
  }

  private static final class Printer implements TestExecutionListener {

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      boolean good = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
      if (test.isTest() || !good) {
        String name = test.getLegacyReportingName();
        System.out.println((good ? "ok " : "not ok ") + name + " " + test.getDisplayName());
      }
      result.getThrowable().ifPresent(e -> e.printStackTrace(System.out));
      System.out.flush();
    }
  }
}
