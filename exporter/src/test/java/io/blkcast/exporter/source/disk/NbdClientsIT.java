package io.blkcast.exporter.source.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.TrackingInfo.Position;
import io.blkcast.nbd.Nbd;
import io.blkcast.nbd.NbdOptions;
import io.blkcast.nbd.NbdServer;
import io.blkcast.testkit.NeedsTool;
import io.netty.util.ResourceLeakDetector;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The server and a tracked disk under clients that nobody here wrote. */
class NbdClientsIT {

  private static final int MIB = 1 << 20;
  private static final long SIZE = 64 * MIB + 3 * 512;

  @TempDir Path directory;
  private final Vertx vertx = Vertx.vertx();
  private NbdServer server;
  private TrackedDisk disk;
  private DiskSource source;
  private String unix;
  private String tcp;
  private SocketAddress address;

  @BeforeAll
  static void findEveryLeak() {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
  }

  @BeforeEach
  void serve() throws Exception {
    disk = TrackedDisk.open(DiskOptions.of("disk", directory.resolve("disk.img"), SIZE));
    source = new DiskSource(List.of(disk));
    source.track("disk");
    // So little memory that admission is refused and asked for again all the time.
    server = new NbdServer(vertx, new NbdOptions(4, 16, 300_000, 34 << 20, Duration.ofSeconds(3)));
    server.export("disk", disk);
    server.export("", disk);
    Path socket = directory.resolve("socket");
    server.listen(SocketAddress.domainSocketAddress(socket.toString())).await();
    address = server.listen(SocketAddress.inetSocketAddress(0, "127.0.0.1")).await();
    unix = "nbd+unix:///disk?socket=" + socket;
    tcp = "nbd://127.0.0.1:" + address.port() + "/disk";
  }

  @AfterEach
  void close() throws Exception {
    server.close().await();
    assertThat(server.connections()).isZero();
    source.close();
    vertx.close().await();
  }

  private byte[] image() throws Exception {
    return Files.readAllBytes(directory.resolve("disk.img"));
  }

  private static byte[] random(long seed, int size) {
    byte[] data = new byte[size];
    new Random(seed).nextBytes(data);
    return data;
  }

  @Test
  @NeedsTool("nbdinfo")
  void nbdinfoSeesTheExportsAndWhatTheyCanDo() throws Exception {
    JsonNode info = new ObjectMapper().readTree(NbdTools.run("nbdinfo", "--json", unix));
    assertThat(info.at("/protocol").asText()).isEqualTo("newstyle-fixed");
    assertThat(info.at("/structured").asBoolean()).isTrue();
    JsonNode export = info.at("/exports/0");
    assertThat(export.at("/export-size").asLong()).isEqualTo(SIZE);
    assertThat(export.at("/is_read_only").asBoolean()).isFalse();
    for (String can : List.of("df", "fast_zero", "flush", "fua", "multi_conn", "trim", "zero")) {
      assertThat(export.at("/can_" + can).asBoolean()).as(can).isTrue();
    }
    assertThat(export.at("/contexts/0").asText()).isEqualTo("base:allocation");
    assertThat(export.at("/block_size_maximum").asLong()).isEqualTo(32 * MIB);
    JsonNode list = new ObjectMapper().readTree(NbdTools.run("nbdinfo", "--list", "--json", tcp));
    assertThat(list.at("/exports")).hasSize(2);
  }

  @Test
  @NeedsTool("nbdcopy")
  void nbdcopyCopiesInBothDirectionsOverSeveralConnections() throws Exception {
    Path from = directory.resolve("from");
    byte[] content = new byte[(int) SIZE];
    System.arraycopy(random(1, 9 * MIB), 0, content, 3 * MIB + 512, 9 * MIB);
    System.arraycopy(random(2, 1000), 0, content, (int) SIZE - 1000, 1000);
    Files.write(from, content);
    NbdTools.run("nbdcopy", "--connections=4", "--flush", from.toString(), unix);
    assertThat(image()).isEqualTo(content);
    for (String uri : List.of(unix, tcp)) {
      for (String connections : List.of("1", "4")) {
        Path to = directory.resolve("to");
        NbdTools.run("nbdcopy", "--connections=" + connections, uri, to.toString());
        assertThat(Files.mismatch(from, to)).isEqualTo(-1);
        Files.delete(to);
      }
    }
  }

  @Test
  @NeedsTool({"nbdinfo", "qemu-img", "qemu-io"})
  void nbdinfoMapsHoles() throws Exception {
    NbdTools.run("qemu-io", "-f", "raw", "-c", "write -P 1 1M 1M", unix);
    String map = NbdTools.run("nbdinfo", "--map", unix);
    assertThat(map.lines().map(line -> line.strip().replaceAll(" +", " ")))
        .containsExactly(
            "0 1048576 3 hole,zero",
            "1048576 1048576 0 data",
            "2097152 " + (SIZE - 2 * MIB) + " 3 hole,zero");
    assertThat(NbdTools.run("qemu-img", "map", "--output=json", "-f", "raw", unix))
        .contains("\"start\": 1048576, \"length\": 1048576");
  }

  @Test
  @NeedsTool("qemu-io")
  void qemuIoWritesTrimsAndZeroes() throws Exception {
    String output =
        NbdTools.run(
            "qemu-io",
            "-f",
            "raw",
            "-c",
            "write -P 1 0 8M",
            "-c",
            "write -f -P 2 512 1536",
            "-c",
            "aio_write -P 3 100k 300k",
            "-c",
            "aio_write -P 4 500k 300k",
            "-c",
            "aio_flush",
            "-c",
            "discard 1M 1M",
            "-c",
            "write -z -u 2M 1M",
            "-c",
            "write -z 3M 1M",
            "-c",
            "flush",
            "-c",
            "read -P 1 0 512",
            "-c",
            "read -P 2 512 1536",
            "-c",
            "read -P 3 100k 300k",
            "-c",
            "read -P 4 500k 300k",
            "-c",
            "read -P 0 1M 3M",
            "-c",
            "read -P 1 4M 4M",
            unix);
    assertThat(output).doesNotContain("failed", "error");
    byte[] expected = new byte[(int) SIZE];
    Arrays.fill(expected, 0, MIB, (byte) 1);
    Arrays.fill(expected, 512, 2048, (byte) 2);
    Arrays.fill(expected, 100 << 10, 400 << 10, (byte) 3);
    Arrays.fill(expected, 500 << 10, 800 << 10, (byte) 4);
    Arrays.fill(expected, 4 * MIB, 8 * MIB, (byte) 1);
    assertThat(image()).isEqualTo(expected);
    assertThat(disk.run(2 * MIB, MIB)).as("zeroed with unmap").isNegative();
    assertThat(disk.run(3 * MIB, MIB)).as("zeroed without").isPositive();
  }

  @Test
  @NeedsTool({"qemu-img", "qemu-io"})
  void qemuImgConvertsAndCompares() throws Exception {
    Path qcow = directory.resolve("disk.qcow2");
    NbdTools.run("qemu-io", "-f", "raw", "-c", "write -P 5 7M 3M", "-c", "write -P 6 60M 1M", tcp);
    NbdTools.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", tcp, qcow.toString());
    assertThat(NbdTools.run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow + "", unix))
        .contains("identical");
    NbdTools.run("qemu-io", "-f", "raw", "-c", "write -P 9 0 64M", unix);
    NbdTools.run("qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", qcow.toString(), unix);
    assertThat(NbdTools.run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow + "", tcp))
        .contains("identical");
  }

  @Test
  @NeedsTool("fio")
  void fioVerifiesWhatItWrote() throws Exception {
    NbdTools.run(
        "fio",
        "--name=verify",
        "--ioengine=nbd",
        "--uri=" + unix,
        "--rw=randwrite",
        "--bsrange=512-128k",
        "--bs_unaligned=1",
        "--iodepth=16",
        "--size=24m",
        "--verify=crc32c",
        "--do_verify=1",
        "--verify_fatal=1",
        "--randseed=5",
        "--verify_state_save=0");
  }

  @Test
  @NeedsTool({"fio", "qemu-io"})
  void aSnapshotTakenWhileFioWritesMatchesItsChangeMap() throws Exception {
    NbdTools.run("qemu-io", "-f", "raw", "-c", "write -P 1 0 64M", unix);
    byte[] before;
    Position base;
    try (Snapshot snapshot = source.take(List.of("disk"))) {
      base = snapshot.images().get(0).info().position();
      before = content(snapshot.images().get(0));
    }
    Path log = directory.resolve("fio.log");
    Process fio =
        NbdTools.start(
            log,
            "fio",
            "--name=w",
            "--ioengine=nbd",
            "--uri=" + unix,
            "--rw=randwrite",
            "--bs=4k",
            "--iodepth=8",
            "--size=64m",
            "--time_based",
            "--runtime=4");
    await().until(() -> disk.figures().changedBytes() > 0);
    for (int i = 0; i < 3; i++) {
      try (Snapshot snapshot = source.take(List.of("disk"))) {
        Snapshot.Image image = snapshot.images().get(0);
        byte[] replica = before;
        ChangeMap.Cursor cursor = ((ChangeMap.Changes) image.changeMap().since(base)).cursor();
        while (cursor.next()) {
          ByteBuffer data = ByteBuffer.allocateDirect((int) cursor.length());
          image.read(cursor.offset(), data);
          data.flip().get(replica, (int) cursor.offset(), data.limit());
        }
        assertThat(Arrays.equals(replica, content(image))).isTrue();
        base = image.info().position();
        before = replica;
      }
    }
    assertThat(fio.waitFor()).as(Files.readString(log)).isZero();
  }

  private static byte[] content(Snapshot.Image image) throws Exception {
    ByteBuffer data = ByteBuffer.allocateDirect((int) SIZE);
    image.read(0, data);
    byte[] bytes = new byte[(int) SIZE];
    data.flip().get(bytes);
    return bytes;
  }

  @Test
  @NeedsTool({"e2fsck", "fusermount3", "/dev/fuse", "mkfs.ext4", "nbdfuse"})
  void aFilesystemLivesOnIt() throws Exception {
    Path file = Files.createFile(directory.resolve("mounted"));
    Path pid = directory.resolve("pid");
    Process fuse =
        NbdTools.start(
            directory.resolve("nbdfuse.log"),
            "nbdfuse",
            "-P",
            pid + "",
            file + "",
            "--unix",
            directory.resolve("socket") + "");
    try {
      await().until(() -> Files.exists(pid));
      NbdTools.run("mkfs.ext4", "-q", "-F", file.toString());
      NbdTools.run("e2fsck", "-fn", file.toString());
    } finally {
      NbdTools.run("fusermount3", "-u", file.toString());
      fuse.waitFor();
    }
    assertThat(NbdTools.run("e2fsck", "-fn", directory.resolve("disk.img").toString()))
        .contains("16384 files");
  }

  @Test
  @NeedsTool("qemu-io")
  void clientsThatBreakTheProtocolHarmNobody() throws Exception {
    Random random = new Random(11);
    for (int i = 0; i < 60; i++) {
      AtomicBoolean gone = new AtomicBoolean();
      NetSocket socket = vertx.createNetClient().connect(address).await();
      socket.closeHandler(ignored -> gone.set(true)).exceptionHandler(ignored -> {});
      socket.handler(ignored -> {});
      Buffer bytes = Buffer.buffer().appendInt(3);
      if (i % 3 > 0) {
        bytes.appendLong(Nbd.OPTION_MAGIC).appendInt(Nbd.OPT_EXPORT_NAME).appendInt(4);
        bytes.appendString("disk");
      }
      if (i % 3 > 1) {
        // A write that is never finished, then nothing or garbage.
        bytes.appendInt(Nbd.REQUEST_MAGIC).appendInt(Nbd.CMD_WRITE).appendLong(i);
        bytes.appendLong(0).appendInt(random.nextInt(100_000) + 5000);
      }
      byte[] garbage = new byte[random.nextInt(4000) + 100];
      random.nextBytes(garbage);
      socket.write(bytes.appendBytes(garbage));
      if (i % 3 > 1) {
        socket.close().await();
      } else {
        await().untilTrue(gone);
      }
    }
    await().until(() -> server.connections() == 0);
    NbdTools.run("qemu-io", "-f", "raw", "-c", "write -P 8 0 1M", "-c", "read -P 8 0 1M", tcp);
    System.gc();
  }

  @Test
  @NeedsTool("qemu-io")
  void aClientThatStopsInTheMiddleOfAWriteGivesItsMemoryBackToOthers() throws Exception {
    AtomicBoolean gone = new AtomicBoolean();
    NetSocket stalled = vertx.createNetClient().connect(address).await();
    stalled.closeHandler(ignored -> gone.set(true)).handler(ignored -> {});
    Buffer bytes = Buffer.buffer().appendInt(3);
    bytes.appendLong(Nbd.OPTION_MAGIC).appendInt(Nbd.OPT_EXPORT_NAME).appendInt(4);
    bytes.appendString("disk");
    bytes.appendInt(Nbd.REQUEST_MAGIC).appendInt(Nbd.CMD_WRITE).appendLong(1);
    bytes.appendLong(0).appendInt(32 * MIB);
    stalled.write(bytes.appendBytes(new byte[100])).await();
    await().until(() -> server.connections() == 1);
    // Small requests do not wait for it, a large one until it is dropped.
    NbdTools.run("qemu-io", "-f", "raw", "-c", "write -P 7 0 128k", unix);
    NbdTools.run("qemu-io", "-f", "raw", "-c", "write -P 8 0 8M", "-c", "read -P 8 0 8M", tcp);
    await().untilTrue(gone);
  }

  @Test
  @NeedsTool("nbdinfo")
  void aWithdrawnExportIsGoneAndItsClientsWithIt() throws Exception {
    server.export("other", disk);
    NetSocket socket = vertx.createNetClient().connect(address).await();
    AtomicBoolean gone = new AtomicBoolean();
    socket.closeHandler(ignored -> gone.set(true)).handler(ignored -> {});
    socket.write(
        Buffer.buffer()
            .appendInt(3)
            .appendLong(Nbd.OPTION_MAGIC)
            .appendInt(Nbd.OPT_EXPORT_NAME)
            .appendInt(5)
            .appendString("other"));
    await().until(() -> server.connections() == 1);
    Thread.sleep(100);
    server.withdraw("other").await();
    await().untilTrue(gone);
    assertThat(NbdTools.run("nbdinfo", "--list", tcp)).doesNotContain("other");
  }
}
