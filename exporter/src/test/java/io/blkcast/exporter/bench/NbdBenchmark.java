package io.blkcast.exporter.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Compares NBD servers under the same fio jobs over Unix sockets: a tracked disk, the same disk
 * untracked, and qemu-nbd. Each server has a process and an image of its own; rounds alternate
 * between them, the first warms up. Of rates, the medians of the others count; the processor time
 * that a server took for a byte is shown beside them, as it holds on a busy machine too. The images
 * are full of data, so that no server gains from holes, and in memory where /dev/shm is: what is
 * compared are the servers, not how the kernel paces writers of a disk that lags behind.
 *
 * <p>{@code NbdBenchmark [DIRECTORY] [SECONDS] [ROUNDS]}; needs fio, qemu-nbd and 3 GiB in the
 * directory.
 */
public final class NbdBenchmark {

  private static final long SIZE = 1L << 30;
  private static final List<String> SERVERS = List.of("tracked", "untracked", "qemu-nbd");
  private static final List<Job> JOBS =
      List.of(
          new Job("randwrite", "4k", 32),
          new Job("write", "64k", 16),
          new Job("write", "1m", 4),
          new Job("randread", "4k", 32),
          new Job("read", "1m", 4));

  private record Job(String pattern, String block, int depth) {}

  private NbdBenchmark() {}

  public static void main(String[] args) throws Exception {
    Path parent = args.length > 0 ? Path.of(args[0]) : defaultDirectory();
    int seconds = args.length > 1 ? Integer.parseInt(args[1]) : 5;
    int rounds = args.length > 2 ? Integer.parseInt(args[2]) : 5;
    Path directory = Files.createTempDirectory(parent, "nbd-benchmark");
    List<Process> processes = new ArrayList<>();
    try {
      for (String server : SERVERS) {
        processes.add(start(server, directory));
      }
      System.out.println(
          """
                               MB/s, and s of processor time a GB     tracked against untracked, qemu-nbd
          pattern    size  qd      tracked   untracked    qemu-nbd    by rate   by processor time""");
      for (Job job : JOBS) {
        run(job, directory, processes, seconds, rounds);
      }
    } finally {
      for (Process process : processes) {
        process.destroy();
        process.waitFor(5, TimeUnit.SECONDS);
      }
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static Path defaultDirectory() {
    Path memory = Path.of("/dev/shm");
    return Files.isWritable(memory) ? memory : Path.of(System.getProperty("java.io.tmpdir"));
  }

  private static void run(Job job, Path directory, List<Process> processes, int seconds, int rounds)
      throws Exception {
    Map<String, List<Double>> rates = new TreeMap<>();
    Map<String, List<Double>> costs = new TreeMap<>();
    for (int round = 0; round < rounds; round++) {
      // Whoever comes after a pause is at an advantage or not: each takes each place.
      List<String> order = new ArrayList<>(SERVERS);
      Collections.rotate(order, round);
      for (String server : order) {
        ProcessHandle process = processes.get(SERVERS.indexOf(server)).toHandle();
        double before = processorSeconds(process);
        double rate = fio(job, directory.resolve(server + ".sock"), seconds);
        double cost = (processorSeconds(process) - before) / (rate * seconds);
        if (round > 0) {
          rates.computeIfAbsent(server, ignored -> new ArrayList<>()).add(rate);
          costs.computeIfAbsent(server, ignored -> new ArrayList<>()).add(cost);
        }
      }
    }
    System.out.printf("%-10s %-4s %3d", job.pattern, job.block, job.depth);
    for (String server : SERVERS) {
      System.out.printf("  %5.0f %4.2f", median(rates, server) / 1e6, median(costs, server) * 1e9);
    }
    System.out.printf(
        "  %4.2f %4.2f   %4.2f %4.2f%n",
        median(rates, "tracked") / median(rates, "untracked"),
        median(rates, "tracked") / median(rates, "qemu-nbd"),
        median(costs, "untracked") / median(costs, "tracked"),
        median(costs, "qemu-nbd") / median(costs, "tracked"));
  }

  private static double processorSeconds(ProcessHandle process) {
    return process.info().totalCpuDuration().orElseThrow().toNanos() / 1e9;
  }

  private static double median(Map<String, List<Double>> values, String server) {
    List<Double> all = values.getOrDefault(server, List.of());
    return all.stream().sorted().toList().get(all.size() / 2);
  }

  private static Process start(String server, Path directory) throws Exception {
    Path image = directory.resolve(server + ".img");
    fill(image);
    Path socket = directory.resolve(server + ".sock");
    List<String> command =
        server.equals("qemu-nbd")
            ? List.of("qemu-nbd", "-f", "raw", "-t", "-e", "8", "-k", socket + "", image + "")
            : List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                ServeDisk.class.getName(),
                image.toString(),
                Long.toString(SIZE),
                socket.toString(),
                server);
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve(server + ".log").toFile())
            .start();
    for (int i = 0; i < 300 && !Files.exists(socket); i++) {
      if (!process.isAlive()) {
        throw new IOException(Files.readString(directory.resolve(server + ".log")));
      }
      Thread.sleep(100);
    }
    return process;
  }

  private static void fill(Path image) throws IOException {
    byte[] block = new byte[1 << 20];
    new java.util.Random(1).nextBytes(block);
    try (FileChannel file =
        FileChannel.open(image, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (long at = 0; at < SIZE; at += block.length) {
        file.write(ByteBuffer.wrap(block), at);
      }
    }
  }

  /** Runs one job; bytes a second. */
  private static double fio(Job job, Path socket, int seconds) throws Exception {
    Process fio =
        new ProcessBuilder(
                "fio",
                "--name=job",
                "--ioengine=nbd",
                "--uri=nbd+unix:///?socket=" + socket,
                "--rw=" + job.pattern,
                "--bs=" + job.block,
                "--iodepth=" + job.depth,
                "--time_based",
                "--runtime=" + seconds,
                "--refill_buffers=0",
                "--output-format=json")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String output = new String(fio.getInputStream().readAllBytes());
    if (fio.waitFor() != 0) {
      throw new IOException("fio failed: " + output);
    }
    JsonNode run = new ObjectMapper().readTree(output.substring(output.indexOf('{'))).at("/jobs/0");
    return run.at(job.pattern.contains("read") ? "/read/bw_bytes" : "/write/bw_bytes").asDouble();
  }
}
