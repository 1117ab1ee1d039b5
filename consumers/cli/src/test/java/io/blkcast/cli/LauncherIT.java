package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./blkcast} in a checkout of its own, where Maven and Java only note what was asked. */
class LauncherIT {

  private static final Duration PATIENCE = Duration.ofMinutes(2);

  /** Builds when it is let go. */
  private static final String MVN =
      """
      #!/bin/sh
      echo build >>"%1$s/builds"
      until [ -e "%1$s/go" ]; do sleep 0.05; done
      mkdir -p consumers/cli/target/classes consumers/cli/target/server consumers/cli/target/broker
      touch consumers/cli/target/server/a.jar
      """;

  /** Tells its class path; {@code run} goes on until it is ended. */
  private static final String JAVA =
      """
      #!/bin/sh
      case "$*" in
        *-XshowSettings*) echo "    java.specification.version = 17"; exit ;;
      esac
      while [ "$1" != -cp ]; do shift; done
      echo "$2"
      [ "$4" = run ] || exit 0
      touch "%1$s/running"
      until [ -e "%1$s/end" ]; do sleep 0.05; done
      """;

  private final List<Process> started = new ArrayList<>();
  private Path dir;
  private Path checkout;

  @BeforeEach
  void makeCheckout(@TempDir Path dir) throws IOException {
    this.dir = dir;
    checkout = Files.createDirectories(dir.resolve("checkout"));
    for (String part : List.of("schemas", "exporter", "consumers")) {
      Files.createDirectories(checkout.resolve(part));
    }
    Files.copy(
        Path.of("../../blkcast"), checkout.resolve("blkcast"), StandardCopyOption.COPY_ATTRIBUTES);
    source();
    script("mvn", MVN);
    script("java", JAVA);
    script("javac", "#!/bin/sh");
  }

  @AfterEach
  void end() {
    started.forEach(Process::destroyForcibly);
  }

  private void script(String name, String text) throws IOException {
    Path file = Files.createDirectories(dir.resolve("jdk/bin")).resolve(name);
    Files.writeString(file, text.formatted(dir));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** A source newer than any build so far. */
  private void source() throws IOException {
    Path file = checkout.resolve("pom.xml");
    Files.writeString(file, "");
    Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(60)));
    Path stamp = checkout.resolve("consumers/cli/target/blkcast.built");
    if (Files.exists(stamp)) {
      Files.setLastModifiedTime(stamp, FileTime.from(Instant.now().minusSeconds(120)));
    }
  }

  private Process start(String name, String command) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(checkout.resolve("blkcast").toString(), command)
            .redirectOutput(dir.resolve(name + ".out").toFile())
            .redirectError(dir.resolve(name + ".err").toFile());
    builder.environment().put("JAVA_HOME", dir.resolve("jdk").toString());
    String bin = dir.resolve("jdk/bin").toString();
    builder.environment().merge("PATH", bin, (old, ours) -> ours + ":" + old);
    Process process = builder.start();
    started.add(process);
    return process;
  }

  private void assertSucceeds(String name, Process process) throws Exception {
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).as(name).isTrue();
    assertThat(process.exitValue()).as(text(name + ".err")).isZero();
  }

  private String text(String name) throws IOException {
    Path file = dir.resolve(name);
    return Files.exists(file) ? Files.readString(file) : "";
  }

  /** Where a command has its jars from. */
  private Path jar(String name) throws IOException {
    String lib = text(name + ".out").strip().split(":")[1];
    return Path.of(lib.substring(0, lib.length() - 1)).resolve("a.jar");
  }

  @Test
  void ofTwoAtOnceInAFreshCheckoutOneBuildsAndTheOtherWaits() throws Exception {
    Process first = start("first", "status");
    await().atMost(PATIENCE).until(() -> text("builds").lines().count() == 1);
    Process second = start("second", "status");
    await()
        .atMost(PATIENCE)
        .until(() -> text("builds").lines().count() > 1 || text("second.err").contains("waiting"));
    Files.createFile(dir.resolve("go"));

    assertSucceeds("first", first);
    assertSucceeds("second", second);
    assertThat(text("builds").lines()).hasSize(1);
    assertThat(jar("second")).isEqualTo(jar("first")).exists();
  }

  @Test
  void whatRunsMakesFilesForItsOwnerAlone() throws Exception {
    Files.createFile(dir.resolve("go"));
    Process run = start("run", "run");
    Path made = dir.resolve("running");
    await().atMost(PATIENCE).until(() -> Files.exists(made));
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
        .isEqualTo("rw-------");
    Files.createFile(dir.resolve("end"));
    assertSucceeds("run", run);
  }

  @Test
  void whatRunsKeepsItsBuildWhenTheSourcesChangeAndNothingElseIsKept() throws Exception {
    Files.createFile(dir.resolve("go"));
    Process run = start("run", "run");
    await().atMost(PATIENCE).until(() -> Files.exists(dir.resolve("running")));
    source();
    assertSucceeds("second", start("second", "status"));
    source();
    assertSucceeds("third", start("third", "status"));

    assertThat(text("builds").lines()).hasSize(3);
    assertThat(jar("run")).exists().isNotEqualTo(jar("third"));
    assertThat(jar("second")).doesNotExist();
    assertThat(jar("third")).exists();

    Files.createFile(dir.resolve("end"));
    assertSucceeds("run", run);
    source();
    assertSucceeds("fourth", start("fourth", "status"));
    assertThat(jar("run")).doesNotExist();
    try (Stream<Path> left = Files.list(checkout.resolve("consumers/cli/target"))) {
      assertThat(left.filter(path -> path.getFileName().toString().matches("blkcast\\..*\\..*")))
          .hasSize(1);
    }
  }

  @Test
  void whatMavenHasBuiltIsUsedWhereTheStampSaysThatItIsNew() throws Exception {
    Path target = checkout.resolve("consumers/cli/target");
    Files.createDirectories(target.resolve("classes"));
    Path lib = Files.createDirectories(target.resolve("server"));
    Files.createFile(lib.resolve("a.jar"));
    Files.createFile(target.resolve("blkcast.built"));
    assertSucceeds("only", start("only", "status"));
    assertThat(text("builds")).isEmpty();
    assertThat(jar("only").normalize()).isEqualTo(lib.resolve("a.jar")).exists();
  }
}
