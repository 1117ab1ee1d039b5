package io.blkcast.exporter;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code blkcast run} in a process of its own. */
final class ForkedExporter implements AutoCloseable {

  private static final Pattern STARTED =
      Pattern.compile("API (http://\\S+), management (http://\\S+)");

  final Process process;
  final String api;
  final String management;
  final List<String> log = new ArrayList<>();
  private final Thread reader;

  private ForkedExporter(Process process, BufferedReader output) throws IOException {
    this.process = process;
    Matcher found = null;
    while (found == null) {
      String line = output.readLine();
      if (line == null) {
        throw new IOException("the exporter ended at its start:\n" + String.join("\n", log));
      }
      log.add(line);
      Matcher matcher = STARTED.matcher(line);
      found = matcher.find() ? matcher : null;
    }
    api = found.group(1);
    management = found.group(2);
    reader = new Thread(() -> follow(output), "forked-exporter");
    reader.setDaemon(true);
    reader.start();
  }

  private void follow(BufferedReader output) {
    try {
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        synchronized (log) {
          log.add(line);
        }
      }
    } catch (IOException e) {
      // the process was killed
    }
  }

  static ForkedExporter start(Scene scene, String... jvm) throws IOException {
    return start(scene, Map.of(), jvm);
  }

  static ForkedExporter start(Scene scene, Map<String, String> environment, String... jvm)
      throws IOException {
    return of(fork(scene, environment, List.of(), jvm));
  }

  /** In a process that may have so many files and sockets open. */
  static ForkedExporter withFiles(int files, Scene scene, String... jvm) throws IOException {
    List<String> limited = List.of("sh", "-c", "ulimit -n " + files + "; exec \"$0\" \"$@\"");
    return of(fork(scene, Map.of(), limited, jvm));
  }

  static ForkedExporter underUmask(Scene scene, String umask) throws IOException {
    return of(forkUnderUmask(scene, umask));
  }

  /** The process alone, which may end at its start. */
  static Process forkUnderUmask(Scene scene, String umask) throws IOException {
    return fork(scene, Map.of(), List.of("sh", "-c", "umask " + umask + "; exec \"$0\" \"$@\""));
  }

  private static Process fork(
      Scene scene, Map<String, String> environment, List<String> before, String... jvm)
      throws IOException {
    Path config = scene.directory.resolve("exporter.yaml");
    Files.writeString(config, scene.yaml());
    List<String> line = new ArrayList<>(before);
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(List.of(jvm));
    line.addAll(
        List.of(
            "-Dlogback.configurationFile=logback.xml",
            "-cp",
            System.getProperty("java.class.path"),
            ExporterMain.class.getName(),
            config.toString()));
    ProcessBuilder builder = new ProcessBuilder(line).redirectErrorStream(true);
    builder.environment().putAll(environment);
    return builder.start();
  }

  private static ForkedExporter of(Process process) throws IOException {
    try {
      return new ForkedExporter(process, process.inputReader(StandardCharsets.UTF_8));
    } catch (IOException e) {
      process.destroyForcibly();
      throw e;
    }
  }

  String volume(Scene scene) {
    return api + "/api/v1/volumes/" + scene.volume;
  }

  String output() {
    synchronized (log) {
      return String.join("\n", log);
    }
  }

  /** As {@code kill -9}. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** As {@code kill}; returns the exit status, when all output is read. */
  int terminate() throws InterruptedException {
    // Process.destroy would close the pipe that its last words come through.
    process.toHandle().destroy();
    if (!process.waitFor(90, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("does not stop:\n" + output());
    }
    reader.join(TimeUnit.SECONDS.toMillis(30));
    return process.exitValue();
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }
}
