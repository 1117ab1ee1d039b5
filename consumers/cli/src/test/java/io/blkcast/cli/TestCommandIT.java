package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code ./blkcast test} on a machine that has a JDK, Maven and little else, all of them made up.
 */
class TestCommandIT {

  private static final Path TOOLS =
      Path.of("consumers/testkit/src/main/resources/io/blkcast/testkit/tools");

  /** What the launcher itself needs of a system. */
  private static final List<String> SYSTEM =
      List.of(
          "sh",
          "awk",
          "cat",
          "cut",
          "date",
          "dirname",
          "env",
          "find",
          "grep",
          "head",
          "mkdir",
          "readlink",
          "rm",
          "sed",
          "sort",
          "tr",
          "wc");

  /** Notes what it was called with. */
  private static final String NOTES =
      """
      #!/bin/sh
      echo "${0##*/} $*" >>"%1$s/calls"
      """;

  private Path dir;
  private Path bin;
  private Path checkout;

  @BeforeEach
  void makeMachine(@TempDir Path dir) throws IOException {
    this.dir = dir;
    bin = Files.createDirectories(dir.resolve("bin"));
    for (String program : SYSTEM) {
      Path found = Path.of("/usr/bin", program);
      Files.createSymbolicLink(
          bin.resolve(program), Files.exists(found) ? found : Path.of("/bin", program));
    }
    script("java", "#!/bin/sh\necho '    java.specification.version = 17'\n");
    script("javac", "#!/bin/sh\n");
    script("mvn", NOTES);
    script("id", "#!/bin/sh\necho 0\n");
    checkout = Files.createDirectories(dir.resolve("checkout"));
    Files.copy(
        Path.of("../../blkcast"), checkout.resolve("blkcast"), StandardCopyOption.COPY_ATTRIBUTES);
    Files.createDirectories(checkout.resolve(TOOLS).getParent());
    Files.copy(Path.of("../..").resolve(TOOLS), checkout.resolve(TOOLS));
  }

  private void script(String name, String text) throws IOException {
    Path file = bin.resolve(name);
    Files.writeString(file, text.formatted(dir));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private record Result(int status, String output) {}

  private Result test(String... arguments) throws Exception {
    List<String> line = new java.util.ArrayList<>(List.of(checkout + "/blkcast", "test"));
    line.addAll(List.of(arguments));
    Path output = dir.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(output.toFile());
    builder.environment().keySet().removeAll(List.of("JAVA_HOME", "CI", "NO_COLOR"));
    builder.environment().put("PATH", bin.toString());
    Process process = builder.start();
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).as("has ended").isTrue();
    return new Result(process.exitValue(), Files.readString(output));
  }

  private List<String> calls() throws IOException {
    Path file = dir.resolve("calls");
    return Files.exists(file) ? Files.readAllLines(file) : List.of();
  }

  @Test
  void rootInstallsWhatIsMissingAfterSayingWhatAndWhyAndThenTests() throws Exception {
    script("apt-get", NOTES + "echo apt-get runs\n");
    Result result = test();
    assertThat(result.status()).as(result.output()).isZero();
    assertThat(result.output().substring(0, result.output().indexOf("apt-get runs")))
        .contains("--no-install")
        .containsPattern("libnbd-bin +read and write exports with an NBD client")
        .containsPattern("gcc libc6-dev +compare the kernel's structures");
    assertThat(calls().get(0)).isEqualTo("apt-get update -qq");
    assertThat(calls().get(1)).startsWith("apt-get install").contains(" fio ").contains("kcat");
    assertThat(calls().get(2)).startsWith("mvn ").endsWith("verify");
  }

  @Test
  void whatIsThereIsNotInstalled() throws Exception {
    script("apt-get", NOTES);
    script("fio", "#!/bin/sh\n");
    test();
    assertThat(calls().get(1)).contains("libnbd-bin").doesNotContain("fio");
  }

  @Test
  void othersInstallBySudo() throws Exception {
    script("id", "#!/bin/sh\necho 1000\n");
    script("apt-get", NOTES);
    script("sudo", NOTES + "exec \"$@\"\n");
    Result result = test();
    assertThat(result.output()).contains("by sudo");
    assertThat(calls().get(0)).isEqualTo("sudo apt-get update -qq");
    assertThat(calls().get(2)).startsWith("sudo env ").contains("apt-get install");
  }

  @Test
  void withoutSudoTheCommandForRootIsNamedAndTheRestIsTested() throws Exception {
    script("id", "#!/bin/sh\necho 1000\n");
    script("apt-get", NOTES);
    Result result = test();
    assertThat(result.status()).isZero();
    assertThat(result.output()).containsPattern("As root: apt-get install .*fio");
    assertThat(calls()).hasSize(1).allMatch(call -> call.startsWith("mvn "));
  }

  @Test
  void nothingIsInstalledWithNoInstall() throws Exception {
    script("apt-get", NOTES);
    Result result = test("--no-install");
    assertThat(result.status()).isZero();
    assertThat(result.output()).contains("missing").contains("fio");
    assertThat(calls()).hasSize(1).allMatch(call -> call.startsWith("mvn "));
  }

  @Test
  void elsewhereThanOnDebianItIsSaidWhatIsMissing() throws Exception {
    Result result = test();
    assertThat(result.status()).isZero();
    assertThat(result.output()).contains("Debian").contains("qemu-utils");
  }

  @Test
  void installationThatFailsEndsItBeforeTheTests() throws Exception {
    script("apt-get", NOTES + "exit 100\n");
    Result result = test();
    assertThat(result.status()).isEqualTo(3);
    assertThat(result.output()).contains("--no-install");
    assertThat(calls()).noneMatch(call -> call.startsWith("mvn"));
  }

  @Test
  void skippedTestsOfThisRunAreCountedByProgram() throws Exception {
    Path old =
        Files.createDirectories(checkout.resolve("exporter/target")).resolve("skipped-tests");
    Files.writeString(old, "kcat\tkcat\tOldIT\n");
    script(
        "mvn",
        NOTES
            + """
            cd "%1$s/checkout"
            printf 'fio\\tfio\\tAIT.a\\nfio\\tfio\\tAIT.b\\ngcc\\tgcc libc6-dev\\tAbiIT\\n' >>exporter/target/skipped-tests
            """);
    Result result = test("--no-install");
    assertThat(result.status()).isZero();
    String summary = result.output().substring(result.output().lastIndexOf("were skipped"));
    assertThat(result.output()).contains("3 tests");
    assertThat(summary)
        .contains("fio (Debian: fio): 2")
        .contains("gcc (Debian: gcc libc6-dev): 1")
        .contains("apt-get install fio gcc libc6-dev")
        .doesNotContain("kcat");
  }

  @Test
  void failuresEndWithAnotherStatusThanWrongUse() throws Exception {
    script("mvn", "#!/bin/sh\nexit 7\n");
    assertThat(test("--no-install").status()).isEqualTo(1);
    Result wrong = test("--bogus");
    assertThat(wrong.status()).isEqualTo(2);
    assertThat(wrong.output().lines()).hasSize(1);
    assertThat(test("--help").output()).contains("--no-install").contains("Exit status");
  }

  @Test
  void mavenIsToldToWriteNoEscapeCodesIntoFiles() throws Exception {
    test("--no-install");
    assertThat(calls().get(0)).contains("-B").contains("-Dstyle.color=never");
  }
}
