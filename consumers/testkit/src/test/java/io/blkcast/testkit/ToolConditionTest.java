package io.blkcast.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.io.TempDir;

class ToolConditionTest {

  @TempDir private Path target;

  private ToolCondition machineWith(boolean ci, String... installed) {
    return new ToolCondition(new TestTools(Set.of(installed)::contains), ci, target);
  }

  private Path notes() {
    return target.resolve("skipped-tests");
  }

  @Test
  void testRunsWhereItsToolsAreInstalled() {
    ConditionEvaluationResult result =
        machineWith(false, "fio", "qemu-io").evaluate("AIT.a", List.of("fio", "qemu-io"));
    assertThat(result.isDisabled()).isFalse();
    assertThat(notes()).doesNotExist();
  }

  @Test
  void testIsSkippedAndNotedWithThePackagesThatItLacks() throws Exception {
    ToolCondition condition = machineWith(false, "fio");
    ConditionEvaluationResult result = condition.evaluate("AIT.a", List.of("fio", "gcc"));
    condition.evaluate("BIT", List.of("nbdinfo", "nbdcopy"));

    assertThat(result.isDisabled()).isTrue();
    assertThat(result.getReason())
        .hasValue("gcc missing, on Debian: apt-get install gcc libc6-dev");
    assertThat(condition.evaluate("CIT", List.of("jdk:21")).getReason()).hasValue("jdk:21 missing");
    assertThat(Files.readAllLines(notes()))
        .containsExactly(
            "gcc\tgcc libc6-dev\tAIT.a",
            "nbdinfo\tlibnbd-bin\tBIT",
            "nbdcopy\tlibnbd-bin\tBIT",
            "jdk:21\t\tCIT");
  }

  @Test
  void testFailsInCiWhereAToolIsMissing() {
    assertThatThrownBy(() -> machineWith(true).evaluate("AIT.a", List.of("fio")))
        .hasMessageContaining("fio missing")
        .hasMessageContaining("CI=true");
    assertThat(notes()).doesNotExist();
  }

  @Test
  void toolThatTheListLacksFailsAlsoWhereItIsInstalled() {
    assertThatThrownBy(() -> machineWith(false, "frob").evaluate("AIT.a", List.of("frob")))
        .hasMessageContaining("frob is not in the list");
  }
}
