package io.blkcast.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/** What {@link NeedsTool} says. */
final class ToolCondition implements ExecutionCondition {

  private final TestTools tools;
  private final boolean ci;
  private final Path target;

  /** For JUnit. */
  ToolCondition() {
    this(TestTools.ofThisMachine(), Boolean.parseBoolean(System.getenv("CI")), Path.of("target"));
  }

  /**
   * @param ci whether a missing tool is a failure
   * @param target where skipped tests are noted, if this directory exists
   */
  ToolCondition(TestTools tools, boolean ci, Path target) {
    this.tools = tools;
    this.ci = ci;
    this.target = target;
  }

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    return AnnotationSupport.findAnnotation(context.getElement(), NeedsTool.class)
        .map(needs -> evaluate(name(context), List.of(needs.value())))
        .orElse(ConditionEvaluationResult.enabled("needs no tool"));
  }

  private static String name(ExtensionContext context) {
    return context.getRequiredTestClass().getName()
        + context.getTestMethod().map(method -> "." + method.getName()).orElse("");
  }

  ConditionEvaluationResult evaluate(String test, List<String> needed) {
    List<TestTools.Tool> missing = tools.missing(needed);
    if (missing.isEmpty()) {
      return ConditionEvaluationResult.enabled("its tools are installed");
    }
    String packages =
        missing.stream()
            .flatMap(tool -> Stream.of(tool.packages().split(" ")))
            .filter(name -> !name.isEmpty())
            .distinct()
            .collect(Collectors.joining(" "));
    String reason =
        missing.stream().map(TestTools.Tool::name).collect(Collectors.joining(", "))
            + " missing"
            + (packages.isEmpty() ? "" : ", on Debian: apt-get install " + packages);
    if (ci) {
      throw new IllegalStateException(reason + " (a missing tool fails the test because CI=true)");
    }
    System.err.printf("skipped %s: %s%n", test, reason);
    missing.forEach(tool -> note(tool, test));
    return ConditionEvaluationResult.disabled(reason);
  }

  private void note(TestTools.Tool tool, String test) {
    if (!Files.isDirectory(target)) {
      return;
    }
    try {
      Files.writeString(
          target.resolve("skipped-tests"),
          "%s\t%s\t%s\n".formatted(tool.name(), tool.packages(), test),
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
