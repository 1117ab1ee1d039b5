package io.blkcast.exporter.hook;

import io.blkcast.file.OwnFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Runs shell commands that may hang. */
final class Commands {

  /** Of a command's output, for messages. */
  private static final int MOST_OUTPUT = 2000;

  private Commands() {}

  /**
   * Runs a command, and kills it with all it has started when its time is over.
   *
   * @param output file that takes what it writes, made anew: unlike a pipe it never fills up
   * @throws IOException with its output where it fails
   */
  static void run(String command, Duration timeout, Path output, String name, String volumes)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder("/bin/sh", "-c", command);
    builder.environment().put("HOOK_NAME", name);
    builder.environment().put("HOOK_VOLUMES", volumes);
    OwnFiles.replace(output).close();
    Process process =
        builder
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(output.toFile())
            .start();
    try {
      if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IOException(
            "'" + command + "' did not end within " + timeout.toMillis() + " ms; killed");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("'" + command + "' was interrupted; killed", e);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    if (process.exitValue() != 0) {
      throw new IOException(
          "'"
              + command
              + "' ended with status "
              + process.exitValue()
              + (output(output).isEmpty() ? "" : ": " + output(output)));
    }
  }

  /** What a command has written, the end of it cut off where it is long. */
  static String output(Path file) {
    try {
      String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8).strip();
      return text.substring(0, Math.min(text.length(), MOST_OUTPUT));
    } catch (IOException e) {
      return "";
    }
  }
}
