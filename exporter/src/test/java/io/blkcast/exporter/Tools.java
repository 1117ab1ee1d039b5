package io.blkcast.exporter;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** NBD clients that nobody here wrote. */
final class Tools {

  private Tools() {}

  /** Runs qemu-io commands, such as {@code write -P 0x5a 0 1M}, on an NBD export. */
  static void qemuIo(URI nbd, String... commands) throws IOException, InterruptedException {
    List<String> line = new ArrayList<>(List.of("qemu-io", "-f", "raw"));
    for (String command : commands) {
      line.add("-c");
      line.add(command);
    }
    line.add(nbd.toString());
    Process process;
    try {
      process = new ProcessBuilder(line).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new IOException("qemu-io is missing; apt-get install qemu-utils", e);
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0 || output.contains("failed")) {
      throw new IOException(String.join(" ", line) + ": " + output);
    }
  }
}
