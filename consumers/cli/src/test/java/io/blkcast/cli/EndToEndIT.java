package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.TopicNames;
import io.blkcast.replicator.ReplicaState;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.testkit.NeedsTool;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.ByteBufferDeserializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real NBD clients write, processes are killed, records vanish: the replica is right in the end.
 */
class EndToEndIT {

  private static final TopicPartition CHUNKS =
      new TopicPartition(TopicNames.defaults().chunks(), 0);
  private static final TopicPartition INCREMENTS =
      new TopicPartition(TopicNames.defaults().increments(), 0);

  private Path dir;
  private Rig rig;
  private final List<Process> loads = new ArrayList<>();
  private final Random random = new Random(42);

  @BeforeEach
  void start(@TempDir Path dir) throws IOException {
    this.dir = dir;
    rig = new Rig(dir);
  }

  @AfterEach
  void stop() {
    loads.forEach(Process::destroyForcibly);
    rig.close();
  }

  /** A load of writes, trims and zeroes by programs that no one here wrote. */
  private Process load(int seconds) throws IOException {
    String uri = rig.nbdUri().toString();
    Process fio =
        new ProcessBuilder(
                "fio",
                "--name=load",
                // One process: a job of its own would outlive it, trying a dead server for ever.
                "--thread",
                "--ioengine=nbd",
                "--uri=" + uri,
                "--rw=randwrite",
                "--bsrange=4k-128k",
                "--iodepth=8",
                "--size=" + Rig.SIZE,
                "--time_based",
                "--rate=20m",
                "--runtime=" + seconds,
                "--output=" + dir.resolve("fio.log"))
            .redirectErrorStream(true)
            .redirectOutput(dir.resolve("fio.out").toFile())
            .start();
    loads.add(fio);
    return fio;
  }

  private void qemuIo(String... commands) throws Exception {
    List<String> line = new ArrayList<>(List.of("qemu-io", "-f", "raw"));
    for (String command : commands) {
      line.add("-c");
      line.add(command);
    }
    line.add(rig.nbdUri().toString());
    Process process =
        new ProcessBuilder(line)
            .redirectErrorStream(true)
            .redirectOutput(dir.resolve("qemu-io.log").toFile())
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(dir.resolve("qemu-io.log"))).isZero();
  }

  private Optional<UUID> applied() throws IOException {
    return ReplicaState.load(ReplicaState.defaultFile(rig.replica))
        .map(ReplicaState::applied)
        .map(position -> position.incrementId());
  }

  @Test
  @NeedsTool({"fio", "qemu-io"})
  void replicaFollowsADiskUnderRandomWrites() throws Exception {
    rig.startExporter();
    rig.startReplicator();
    Process load = load(8);
    while (load.isAlive()) {
      rig.increment();
    }
    assertThat(load.exitValue()).as(Files.readString(dir.resolve("fio.out"))).isZero();
    qemuIo("write -P 0xab 1M 3M", "discard 2M 1M", "write -z 10M 5M", "flush");
    rig.increment();
    rig.awaitIdentical();
    rig.awaitVerified();
  }

  @Test
  @NeedsTool("fio")
  void replicatorKilledAgainAndAgainEndsRight() throws Exception {
    rig.startExporter();
    Process load = load(10);
    rig.increment();
    for (int round = 0; round < 4; round++) {
      Process replicator = rig.startReplicator();
      rig.increment();
      TimeUnit.MILLISECONDS.sleep(random.nextInt(1500));
      Rig.kill(replicator);
    }
    load.waitFor();
    rig.increment();
    assertThat(rig.run("once.log", rig.replicate("--once"))).as(rig.log("once.log")).isZero();
    assertThat(Files.mismatch(rig.disk, rig.replica)).isEqualTo(-1);
    assertThat(rig.verify()).as(rig.log("verify.log")).isZero();
  }

  @Test
  @NeedsTool("fio")
  void exporterKilledInTheMiddleOfIncrementsGoesOnRightly() throws Exception {
    Process exporter = rig.startExporter();
    rig.startReplicator();
    rig.increment();
    for (int round = 0; round < 3; round++) {
      Process load = load(30);
      Process increment = rig.blkcast("cut.log", "increment", Rig.VOLUME, "--api", rig.api());
      TimeUnit.MILLISECONDS.sleep(1000 + random.nextInt(2000));
      Rig.kill(exporter);
      Rig.kill(load);
      increment.destroyForcibly();
      exporter = rig.startExporter();
      rig.increment();
    }
    rig.awaitIdentical();
    rig.awaitVerified();
  }

  @Test
  @NeedsTool("fio")
  void brokerRestartsWhileIncrementsRun() throws Exception {
    rig.startExporter();
    rig.startReplicator();
    rig.increment();
    Process load = load(10);
    rig.broker.stop();
    TimeUnit.SECONDS.sleep(2);
    rig.broker.start();
    rig.increment();
    rig.broker.restart();
    load.waitFor();
    rig.increment();
    rig.awaitIdentical();
    rig.awaitVerified();
  }

  @Test
  @NeedsTool("qemu-io")
  void recordsDeletedBeforeTheyWereReadLeadToAResync() throws Exception {
    rig.startExporter();
    Process replicator = rig.startReplicator();
    rig.increment();
    Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> applied().isPresent());
    UUID before = applied().orElseThrow();
    Rig.kill(replicator);
    qemuIo("write -P 0x11 4M 2M", "flush");
    rig.increment();
    deleteAllChunks();
    assertThat(rig.verify()).as("the chain is not retained").isEqualTo(3);
    qemuIo("write -P 0x22 8M 2M", "flush");
    rig.startReplicator();
    Awaitility.await()
        .atMost(Duration.ofMinutes(2))
        .until(() -> !applied().equals(Optional.of(before)));
    rig.awaitIdentical();
    assertThat(rig.log("replicate.log")).contains("asked the exporter for a BASELINE");
    rig.awaitVerified();
  }

  @Test
  @NeedsTool("qemu-io")
  void forgedManifestIsNotAppliedAndTheReplicaHeals() throws Exception {
    rig.startExporter();
    rig.startReplicator();
    rig.increment();
    qemuIo("write -P 0x33 1M 1M", "flush");
    rig.increment();
    rig.awaitIdentical();
    IncrementCommitted honest = lastManifest();
    IncrementCommitted forged =
        IncrementCommitted.newBuilder(honest)
            .setIncrementId(UUID.randomUUID())
            .setParentIncrementId(honest.getIncrementId())
            .setChainLength(honest.getChainLength() + 1)
            .build();
    send(INCREMENTS, RecordCodec.singleObject().encode(INCREMENTS.topic(), forged));
    Awaitility.await()
        .atMost(Duration.ofMinutes(1))
        .until(() -> rig.log("replicate.log").contains("not applied"));
    qemuIo("write -P 0x44 2M 1M", "flush");
    rig.increment();
    rig.awaitIdentical();
    assertThat(applied()).isNotEqualTo(Optional.of(forged.getIncrementId()));
  }

  @Test
  @NeedsTool("qemu-io")
  void replicaThatWasTamperedWithIsFound() throws Exception {
    rig.startExporter();
    qemuIo("write -P 0x55 0 1M", "flush");
    rig.increment();
    qemuIo("write -P 0x66 8M 1M", "flush");
    rig.increment();
    assertThat(rig.run("once.log", rig.replicate("--once"))).isZero();
    assertThat(rig.verify()).as(rig.log("verify.log")).isZero();
    for (long offset : new long[] {500, 8_400_000, Rig.SIZE - 1}) {
      try (RandomAccessFile file = new RandomAccessFile(rig.replica.toFile(), "rw")) {
        file.seek(offset);
        int old = file.read();
        file.seek(offset);
        file.write(old ^ 1);
        assertThat(rig.verify()).as("byte %d", offset).isEqualTo(1);
        assertThat(rig.log("verify.log")).contains("byte " + offset);
        file.seek(offset);
        file.write(old);
      }
    }
    assertThat(rig.verify()).isZero();
    try (RandomAccessFile file = new RandomAccessFile(rig.replica.toFile(), "rw")) {
      file.setLength(Rig.SIZE + 1);
      assertThat(rig.verify()).as("a byte more than the volume").isEqualTo(1);
      assertThat(rig.log("verify.log")).contains("byte " + Rig.SIZE);
      file.setLength(Rig.SIZE);
    }
    assertThat(rig.verify()).isZero();
  }

  private void deleteAllChunks() throws Exception {
    try (Admin admin = Admin.create(kafka())) {
      long end =
          admin
              .listOffsets(Map.of(CHUNKS, OffsetSpec.latest()))
              .partitionResult(CHUNKS)
              .get()
              .offset();
      admin.deleteRecords(Map.of(CHUNKS, RecordsToDelete.beforeOffset(end))).all().get();
    }
  }

  private Map<String, Object> kafka() {
    return Map.of("bootstrap.servers", rig.broker.bootstrapServers());
  }

  private void send(TopicPartition partition, byte[] value) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(kafka(), new ByteArraySerializer(), new ByteArraySerializer())) {
      byte[] key = Rig.VOLUME.getBytes(StandardCharsets.UTF_8);
      producer
          .send(new ProducerRecord<>(partition.topic(), partition.partition(), key, value))
          .get();
    }
  }

  private IncrementCommitted lastManifest() {
    Optional<IncrementCommitted> last = Optional.empty();
    try (KafkaConsumer<byte[], ByteBuffer> consumer =
        new KafkaConsumer<>(kafka(), new ByteArrayDeserializer(), new ByteBufferDeserializer())) {
      consumer.assign(List.of(INCREMENTS));
      consumer.seekToBeginning(List.of(INCREMENTS));
      long end = consumer.endOffsets(List.of(INCREMENTS)).getOrDefault(INCREMENTS, 0L);
      while (consumer.position(INCREMENTS) < end) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          if (RecordCodec.singleObject().decode(record.value())
              instanceof IncrementCommitted manifest) {
            last = Optional.of(manifest);
          }
        }
      }
    }
    return last.orElseThrow();
  }
}
