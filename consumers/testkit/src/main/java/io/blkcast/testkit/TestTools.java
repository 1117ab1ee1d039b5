package io.blkcast.testkit;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The programs that tests start: whether they are installed, and in which Debian packages they are.
 */
final class TestTools {

  /** Where system programs are that a user's PATH may lack. */
  private static final List<String> SYSTEM_PATH = List.of("/usr/sbin", "/sbin");

  private static final String PYTHON = "/usr/bin/python3";

  private static final Pattern JVM_VERSION = Pattern.compile("(?m)^JAVA_VERSION=\"(\\d+)");

  /** One of them; its packages have a space between them, none is the empty string. */
  record Tool(String name, String packages) {}

  private final Map<String, Tool> known;
  private final Predicate<String> installed;

  TestTools(Predicate<String> installed) {
    this.known = read();
    this.installed = installed;
  }

  static TestTools ofThisMachine() {
    return new TestTools(TestTools::isInstalled);
  }

  /**
   * Those of these that are not installed.
   *
   * @throws IllegalArgumentException if the list of tools lacks one of the names
   */
  List<Tool> missing(List<String> names) {
    return names.stream()
        .map(
            name -> {
              Tool tool = known.get(name);
              if (tool == null) {
                throw new IllegalArgumentException(
                    name + " is not in the list: add it, and its package, to the resource tools");
              }
              return tool;
            })
        .filter(tool -> !installed.test(tool.name()))
        .toList();
  }

  /** A line each: program, packages with commas between them, purpose. */
  private static Map<String, Tool> read() {
    Map<String, Tool> tools = new LinkedHashMap<>();
    try (InputStream in = TestTools.class.getResourceAsStream("tools")) {
      Objects.requireNonNull(in, "the resource tools");
      new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .map(line -> line.split(" +", 3))
          .forEach(
              row ->
                  tools.put(
                      row[0],
                      new Tool(row[0], row[1].equals("-") ? "" : row[1].replace(',', ' '))));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return tools;
  }

  private static boolean isInstalled(String tool) {
    if (tool.startsWith("python3:")) {
      return Files.isExecutable(Path.of(PYTHON))
          && succeeds(PYTHON, "-c", "import " + tool.substring("python3:".length()));
    }
    if (tool.startsWith("/")) {
      return Files.isWritable(Path.of(tool));
    }
    if (tool.startsWith("jdk:")) {
      return newestJvm() >= Integer.parseInt(tool.substring("jdk:".length()));
    }
    String path = System.getenv().getOrDefault("PATH", "");
    return Stream.concat(Stream.of(path.split(File.pathSeparator)), SYSTEM_PATH.stream())
        .filter(directory -> !directory.isEmpty())
        .map(directory -> Path.of(directory, tool))
        .anyMatch(file -> Files.isRegularFile(file) && Files.isExecutable(file));
  }

  private static int newestJvm() {
    try (Stream<Path> homes = Files.list(Path.of("/usr/lib/jvm"))) {
      return homes
          .map(home -> JVM_VERSION.matcher(readOrEmpty(home.resolve("release"))))
          .filter(Matcher::find)
          .mapToInt(version -> Integer.parseInt(version.group(1)))
          .reduce(Runtime.version().feature(), Math::max);
    } catch (IOException e) {
      return Runtime.version().feature();
    }
  }

  private static String readOrEmpty(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return "";
    }
  }

  private static boolean succeeds(String... command) {
    try {
      return new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
