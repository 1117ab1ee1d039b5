package io.blkcast.exporter.hook;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A process of its own that runs the {@code after} command: when it is told to, when the limit is
 * over, or when the exporter is gone, whichever comes first. It hears of the exporter's end by the
 * pipe between them, which the kernel closes however the exporter ends.
 *
 * <p>It is in a session of its own and ignores the signals by which groups of processes are ended,
 * and writes to files only, so that nothing of the exporter's is needed for it to finish.
 */
final class ThawGuard {

  private static final Logger LOG = LoggerFactory.getLogger(ThawGuard.class);

  /** First word of the output: how it came that the command was run. */
  private static final String ASKED = "asked";

  /**
   * Arguments: limit and timeout in seconds, the command, the file that remembers it. The first
   * timeout ends by a signal that is not ignored and of which the shell says nothing. Before {@code
   * timeout} has started what it runs, the ignored signals end it all the same, with 128 and their
   * number: that is neither the exporter's end nor the limit.
   */
  private static final String SCRIPT =
      """
      trap '' HUP INT TERM PIPE
      while :; do
        word=$(timeout -s USR1 "$1" head -n 1)
        case $? in 129|130|141|143) ;; *) break ;; esac
      done
      [ "$word" = thaw ] && echo asked || echo expired
      for attempt in 1 2 3; do
        if timeout -s KILL "$2" /bin/sh -c "$3"; then
          rm -f "$4"
          exit 0
        fi
        echo "attempt $attempt has failed"
        [ $attempt = 3 ] || sleep 1
      done
      exit 1
      """;

  private static final int ATTEMPTS = 3;

  private final HookSettings settings;
  private final Process process;

  private ThawGuard(HookSettings settings, Process process) {
    this.settings = settings;
    this.process = process;
  }

  /** Starts it; the limit runs from now on. */
  static ThawGuard start(HookSettings settings, String volumes) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            List.of(
                "setsid",
                "-w",
                "/bin/sh",
                "-c",
                SCRIPT,
                "blkcast-thaw",
                seconds(settings.limit()),
                seconds(settings.timeout()),
                settings.after(),
                settings.pendingFile().toString()));
    builder.environment().put("HOOK_NAME", settings.name());
    builder.environment().put("HOOK_VOLUMES", volumes);
    builder.redirectErrorStream(true).redirectOutput(settings.afterOutput().toFile());
    return new ThawGuard(settings, builder.start());
  }

  /**
   * Has the command run now, and waits for it.
   *
   * @return whether it had not been run before
   */
  boolean thaw() {
    boolean told = tell();
    try {
      Duration most = settings.timeout().multipliedBy(ATTEMPTS).plusSeconds(10);
      if (!process.waitFor(most.toMillis(), TimeUnit.MILLISECONDS)) {
        LOG.error("{}: the command after the snapshot does not come to an end", settings.name());
        return false;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
    String output = Commands.output(settings.afterOutput());
    boolean asked = told && output.startsWith(ASKED);
    boolean ran = asked || output.startsWith("expired");
    if (!ran) {
      LOG.error("{}: what guards the thaw was killed; thawing without it", settings.name());
      runPending(settings.pendingFile());
    } else if (process.exitValue() != 0) {
      LOG.error(
          "{}: the command after the snapshot has failed: {}; it is run again at the next start."
              + " Something may still be frozen: undo it by hand",
          settings.name(),
          output);
    } else if (!asked) {
      LOG.warn(
          "{}: the hooks' limit of {} was over before the snapshot was taken: the command after it"
              + " was run by then, so the snapshot is not consistent beyond that of a power cut",
          settings.name(),
          settings.limit());
      again();
    }
    return asked;
  }

  /**
   * Where the limit was over while things were still being frozen, that may not have undone all.
   */
  private void again() {
    try {
      Commands.run(
          settings.after(), settings.timeout(), settings.afterOutput(), settings.name(), "");
    } catch (IOException e) {
      LOG.error(
          "{}: {}. Something may still be frozen: undo it by hand",
          settings.name(),
          e.getMessage());
    }
  }

  private boolean tell() {
    try (OutputStream pipe = process.getOutputStream()) {
      pipe.write("thaw\n".getBytes(StandardCharsets.US_ASCII));
      return true;
    } catch (IOException e) {
      return false; // It has ended: its output tells why.
    }
  }

  /** The process, for tests that kill it. */
  ProcessHandle handle() {
    return process.toHandle();
  }

  /** Runs what an earlier process, or a killed guard, could not. */
  static void runPending(Path file) {
    try {
      PendingThaw pending = PendingThaw.read(file);
      if (pending.ofThisBoot()) {
        LOG.warn("{}: running the command after a snapshot that was cut off", file.getFileName());
        Path output = file.resolveSibling(file.getFileName() + ".out");
        Commands.run(pending.after(), pending.timeout(), output, "", "");
      }
      Files.deleteIfExists(file);
    } catch (IOException e) {
      LOG.error(
          "{}: {}; tried again at the next start. Something may still be frozen: undo it by hand",
          file,
          e.getMessage());
    }
  }

  private static String seconds(Duration time) {
    return Double.toString(time.toMillis() / 1000.0);
  }
}
