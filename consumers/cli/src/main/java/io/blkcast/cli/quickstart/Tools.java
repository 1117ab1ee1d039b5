package io.blkcast.cli.quickstart;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Other people's programs: whether they are installed, in which package, and running them. */
final class Tools {

  /** Debian's package of each program that is used where it is present. */
  private static final Map<String, String> PACKAGES =
      Map.of(
          "nbdfuse", "libnbd-bin",
          "fuse2fs", "fuse2fs",
          "mkfs.ext4", "e2fsprogs",
          "e2fsck", "e2fsprogs",
          "fusermount3", "fuse3",
          "fusermount", "fuse");

  /** Where system programs are that a user's PATH may lack. */
  private static final List<String> SYSTEM_PATH = List.of("/usr/sbin", "/sbin", "/usr/local/sbin");

  private Tools() {}

  /** The program's path, where it is installed. */
  static Optional<Path> find(String program) {
    String path = System.getenv().getOrDefault("PATH", "");
    return Stream.concat(Arrays.stream(path.split(File.pathSeparator)), SYSTEM_PATH.stream())
        .filter(directory -> !directory.isEmpty())
        .map(directory -> Path.of(directory, program))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** What to install for the missing ones of these programs; empty when none is. */
  static List<String> missingPackages(List<String> programs) {
    return programs.stream()
        .filter(program -> find(program).isEmpty())
        .map(program -> PACKAGES.getOrDefault(program, program))
        .distinct()
        .toList();
  }

  /** How a program ended. */
  record Result(int status, String output) {}

  /**
   * Runs a program to its end.
   *
   * @throws IOException where it cannot be started, or has not ended in that time (it is killed)
   */
  static Result run(long timeoutSeconds, String... command)
      throws IOException, InterruptedException {
    Process process = builder(command).start();
    process.getOutputStream().close();
    Path unread = Path.of(command[0]).getFileName();
    try {
      // Output is small; a pipe's buffer holds it until the program has ended.
      if (!process.waitFor(timeoutSeconds, TimeUnit.SECONDS)) {
        throw new IOException(unread + " has not ended after " + timeoutSeconds + " s");
      }
      return new Result(
          process.exitValue(),
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
    } finally {
      process.destroyForcibly();
    }
  }

  /** Runs a program to its end, which must be a good one. */
  static void runOrFail(long timeoutSeconds, String... command)
      throws IOException, InterruptedException {
    Result result = run(timeoutSeconds, command);
    if (result.status() != 0) {
      throw new IOException(
          "%s failed with status %d: %s"
              .formatted(
                  Path.of(command[0]).getFileName(), result.status(), result.output().strip()));
    }
  }

  /** Starts a program that goes on; its output goes to the file. */
  static Process start(Path log, String... command) throws IOException {
    return builder(command).redirectOutput(log.toFile()).start();
  }

  private static ProcessBuilder builder(String... command) throws IOException {
    List<String> resolved = new ArrayList<>(Arrays.asList(command));
    resolved.set(
        0,
        find(command[0])
            .orElseThrow(
                () ->
                    new IOException(
                        command[0] + " is missing: install " + PACKAGES.get(command[0])))
            .toString());
    return new ProcessBuilder(resolved).redirectErrorStream(true);
  }
}
