package io.blkcast.exporter.bench;

import io.blkcast.codec.TopicNames;
import io.blkcast.exporter.publish.PublishSettings;
import io.blkcast.exporter.publish.Publishers;
import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.exporter.publish.VolumeSettings;
import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.Consistency;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.Source;
import io.blkcast.testkit.EmbeddedBroker;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.tools.ProducerPerformance;

/**
 * Publishes incompressible chunks, checksummed and digested, and holds the rate against that of
 * Kafka's own ProducerPerformance with the same record size and settings, on the same broker, turn
 * by turn: {@code PublishBench [MiB per round] [rounds] [KiB per chunk]}.
 *
 * <p>ProducerPerformance is given its payloads in a file: those that it makes itself cost it more
 * than sending them.
 */
public final class PublishBench {

  private static final int PAYLOADS = 32;

  /** What a chunk's record has beside the payload, about. */
  private static final int HEADER = 80;

  private static final Pattern RATE = Pattern.compile("\\(([0-9.]+) MB/sec\\)");

  private final EmbeddedBroker broker;
  private final int chunk;
  private final int chunks;
  private final Path payloads;
  private final ByteBuffer content;

  private PublishBench(EmbeddedBroker broker, int chunk, int chunks) throws Exception {
    this.broker = broker;
    this.chunk = chunk;
    this.chunks = chunks;
    byte[] random = new byte[PAYLOADS * chunk];
    new Random(1).nextBytes(random);
    this.content = ByteBuffer.allocateDirect(random.length).put(random).flip();
    this.payloads = Files.createTempFile("payloads", ".txt");
    StringBuilder text = new StringBuilder();
    Random letters = new Random(2);
    for (int i = 0; i < PAYLOADS; i++) {
      letters.ints(chunk + HEADER, 'A', 'z').forEach(c -> text.append((char) c));
      text.append('\n');
    }
    Files.writeString(payloads, text, StandardCharsets.US_ASCII);
  }

  public static void main(String[] args) throws Exception {
    int mib = args.length > 0 ? Integer.parseInt(args[0]) : 512;
    int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 5;
    int chunk = (args.length > 2 ? Integer.parseInt(args[2]) : 256) << 10;
    try (EmbeddedBroker broker = EmbeddedBroker.started()) {
      PublishBench bench = new PublishBench(broker, chunk, (int) (((long) mib << 20) / chunk));
      bench.kafka("warmup");
      bench.publisher("warmup.");
      List<Double> kafka = new ArrayList<>();
      List<Double> ours = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        kafka.add(bench.kafka("perf" + round));
        ours.add(bench.publisher("r" + round + "."));
        System.out.printf(
            "round %d: ProducerPerformance %.0f MiB/s, publisher %.0f MiB/s%n",
            round, kafka.get(round), ours.get(round));
      }
      Collections.sort(kafka);
      Collections.sort(ours);
      System.out.printf(
          "publish: %.2f x ProducerPerformance (medians of %d rounds of %d MiB in records of %d KiB)%n",
          ours.get(rounds / 2) / kafka.get(rounds / 2), rounds, mib, chunk >> 10);
      Files.delete(bench.payloads);
    }
    System.exit(0);
  }

  /** MiB/s of ProducerPerformance. */
  private double kafka(String topic) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
      PrintStream console = System.out;
      ByteArrayOutputStream output = new ByteArrayOutputStream();
      System.setOut(new PrintStream(output, true, StandardCharsets.UTF_8));
      try {
        ProducerPerformance.main(
            new String[] {
              "--topic",
              topic,
              "--num-records",
              Integer.toString(chunks),
              "--payload-file",
              payloads.toString(),
              "--throughput",
              "-1",
              "--bootstrap-server",
              broker.bootstrapServers(),
              "--command-property",
              "acks=all",
              "enable.idempotence=true",
              "linger.ms=5",
              "buffer.memory=" + (64 << 20),
              "batch.size=" + (chunk + 4096),
              "max.request.size=" + Math.max(1 << 20, chunk + 4096)
            });
      } finally {
        System.setOut(console);
      }
      admin.deleteTopics(List.of(topic)).all().get();
      Matcher rate = RATE.matcher(output.toString(StandardCharsets.UTF_8));
      double last = -1;
      while (rate.find()) {
        last = Double.parseDouble(rate.group(1));
      }
      if (last < 0) {
        throw new IllegalStateException("no rate in: " + output);
      }
      return last;
    }
  }

  /** MiB/s from the beginning of an increment until it is committed. */
  private double publisher(String prefix) throws Exception {
    Map<String, Object> client = Map.of("bootstrap.servers", broker.bootstrapServers());
    TopicNames names = new TopicNames(prefix);
    PublishSettings settings =
        new PublishSettings(
            client, client, client, names, 1, OptionalInt.empty(), Optional.empty());
    long bytes = (long) chunks * chunk;
    long nanos;
    try (Publishers publishers =
            new Publishers(
                settings,
                List.of(new VolumeSettings("bench", chunk, false, 1)),
                Clock.systemUTC(),
                new SimpleMeterRegistry());
        VolumePublisher publisher = publishers.volume("bench")) {
      publisher.open(VolumePublisher.Known.NOTHING);
      long start = System.nanoTime();
      Attempt attempt = publisher.begin(header(bytes));
      attempt.extents(List.of(new BlockMetadata(0L, bytes)));
      for (int i = 0; i < chunks; i++) {
        int from = i % PAYLOADS * chunk;
        attempt.chunk((long) i * chunk, content.limit(from + chunk).position(from));
      }
      attempt.commit(link -> {});
      nanos = System.nanoTime() - start;
    }
    try (Admin admin = Admin.create(client)) {
      admin.deleteTopics(names.all()).all().get();
    }
    return bytes / 1048576.0 / (nanos / 1e9);
  }

  private static VolumePublisher.Header header(long bytes) {
    UUID any = UUID.randomUUID();
    return new VolumePublisher.Header(
        any,
        IncrementKind.BASELINE,
        Optional.empty(),
        Optional.empty(),
        any,
        Consistency.CRASH,
        bytes,
        65_536,
        bytes,
        1,
        Instant.now(),
        Source.newBuilder()
            .setType("disk")
            .setHost("bench")
            .setBootId("")
            .setTrackingId(any)
            .setGeneration(any)
            .setBaseChangesNumber(0)
            .setChangesNumber(1)
            .build());
  }
}
