package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
      mkdir -p consumers/cli/target/launcher/classes consumers/cli/target/launcher/server consumers/cli/target/launcher/broker
      touch consumers/cli/target/launcher/server/a.jar
      """;

  /** Prints its class path; {@code run} goes on until it is ended. */
  private static final String JAVA =
      """
      #!/bin/sh
      case "$*" in
        *-XshowSettings*) echo "    java.specification.version = $(cat "%1$s/version")"; exit ;;
      esac
      echo "$*" >"%1$s/java-arguments"
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
    for (String part : List.of(".mvn", "libs", "schemas", "exporter", "consumers")) {
      Files.createDirectories(checkout.resolve(part));
    }
    Files.copy(
        Path.of("../../blkcast"), checkout.resolve("blkcast"), StandardCopyOption.COPY_ATTRIBUTES);
    source();
    script("mvn", MVN);
    script("java", JAVA);
    Files.writeString(dir.resolve("version"), "17");
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

  private Process start(String name, String... command) throws IOException {
    List<String> line = new ArrayList<>(List.of(checkout.resolve("blkcast").toString()));
    line.addAll(List.of(command));
    ProcessBuilder builder =
        new ProcessBuilder(line)
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

  @Test
  void jvmsThatWarnOfNativeLibrariesAreToldThatTheyAreKnown() throws Exception {
    Files.createFile(dir.resolve("go"));
    assertSucceeds("old", start("old", "status"));
    assertThat(text("java-arguments"))
        .contains("--enable-native-access=ALL-UNNAMED")
        .doesNotContain("--sun-misc-unsafe-memory-access");
    Files.writeString(dir.resolve("version"), "25");
    assertSucceeds("new", start("new", "status"));
    assertThat(text("java-arguments"))
        .contains("--enable-native-access=ALL-UNNAMED")
        .contains("--sun-misc-unsafe-memory-access=allow");
  }

  /** With the classes under test on a real JVM; skipped where none is newer than 23. */
  @Test
  void newestJvmWarnsOfNothing() throws Exception {
    Optional<Path> newer = newestJvm();
    assumeTrue(newer.isPresent(), "no JDK in /usr/lib/jvm is newer than 23");
    script(
        "java",
        """
        #!/bin/sh
        case "$*" in *-XshowSettings*) exec %1$s "$@" ;; esac
        count=$# before=
        while [ $count -gt 0 ]; do
          argument=$1
          [ "$before" != -cp ] || argument='%2$s'
          before=$1 count=$((count - 1))
          shift
          set -- "$@" "$argument"
        done
        exec %1$s "$@"
        """
            .formatted(newer.get(), System.getProperty("java.class.path")));
    Files.createFile(dir.resolve("go"));
    assertSucceeds("new", start("new", "quickstart", "--size", "64", "--increments", "1"));
    assertThat(text("new.out")).contains("identical").doesNotContain("\u001b");
    assertThat(text("new.err").lines()).noneMatch(line -> line.startsWith("WARNING"));
  }

  private static Optional<Path> newestJvm() throws IOException {
    Path installed = Path.of("/usr/lib/jvm");
    if (!Files.isDirectory(installed)) {
      return Optional.empty();
    }
    try (Stream<Path> homes = Files.list(installed)) {
      return homes
          .filter(home -> feature(home) > 23)
          .max(Comparator.comparingInt(LauncherIT::feature))
          .map(home -> home.resolve("bin/java"));
    }
  }

  /** The first number of a JDK's version; 0 where it does not say. */
  private static int feature(Path home) {
    try {
      Matcher version =
          Pattern.compile("(?m)^JAVA_VERSION=\"(\\d+)")
              .matcher(Files.readString(home.resolve("release")));
      return version.find() ? Integer.parseInt(version.group(1)) : 0;
    } catch (IOException e) {
      return 0;
    }
  }
}
