package io.blkcast.exporter.source.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.atIndex;
import static org.awaitility.Awaitility.await;

import io.blkcast.exporter.source.ChangeMap.Changes;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What tracked disks do beyond the contract of sources. */
class TrackedDiskTest {

  private static final int MIB = 1 << 20;
  private static final UUID BOOT = new UUID(1, 1);
  private static final UUID NEXT_BOOT = new UUID(2, 2);

  @TempDir Path directory;
  private DiskOptions options;

  @BeforeEach
  void configure() {
    options = DiskOptions.of("disk", directory.resolve("disk.img"), 8 * MIB);
  }

  private DiskSource open(UUID boot) throws IOException {
    return new DiskSource(List.of(TrackedDisk.open(options, Clock.systemUTC(), boot)));
  }

  private Position track(UUID boot) throws Exception {
    try (DiskSource source = open(boot)) {
      source.track("disk");
      return source.info("disk").position();
    }
  }

  /** What a machine that goes down leaves: the state file as it is while the disk is open. */
  private void openAndCrash(UUID boot) throws Exception {
    Path saved = directory.resolve("saved");
    try (DiskSource source = open(boot)) {
      assertThat(source.info("disk")).isNotNull();
      Files.copy(options.state(), saved);
    }
    Files.move(saved, options.state(), StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void historyOutlivesABootAfterACleanClose() throws Exception {
    Position before = track(BOOT);
    try (DiskSource source = open(NEXT_BOOT)) {
      assertThat(source.info("disk").position()).isEqualTo(before);
    }
  }

  @Test
  void historyOutlivesAKilledProcess() throws Exception {
    Position before = track(BOOT);
    openAndCrash(BOOT);
    try (DiskSource source = open(BOOT)) {
      assertThat(source.info("disk").position()).isEqualTo(before);
    }
  }

  @Test
  void aMachineThatWentDownBeginsANewHistory() throws Exception {
    Position before = track(BOOT);
    openAndCrash(BOOT);
    try (DiskSource source = open(NEXT_BOOT)) {
      assertThat(source.info("disk").position().trackingId()).isNotEqualTo(before.trackingId());
    }
  }

  @Test
  void anImageThatSomebodyElseWroteToBeginsANewHistory() throws Exception {
    Position before = track(BOOT);
    Files.setLastModifiedTime(options.image(), FileTime.fromMillis(1));
    try (DiskSource source = open(BOOT)) {
      assertThat(source.info("disk").position().trackingId()).isNotEqualTo(before.trackingId());
    }
  }

  @Test
  void aTornOrForeignStateFileBeginsANewHistory() throws Exception {
    Position before = track(BOOT);
    byte[] state = Files.readAllBytes(options.state());
    for (int at = 0; at < 4096; at += 16) {
      state[at] ^= 1;
    }
    Files.write(options.state(), state);
    try (DiskSource source = open(BOOT)) {
      assertThat(source.info("disk").position().trackingId()).isNotEqualTo(before.trackingId());
    }
  }

  @Test
  void aGrownVolumeBeginsANewHistoryAndSaysSo() throws Exception {
    Position before = track(BOOT);
    options = DiskOptions.of("disk", options.image(), 9 * MIB);
    Queue<SourceEvent> events = new ConcurrentLinkedQueue<>();
    try (DiskSource source = open(BOOT)) {
      source.listen(events::add);
      assertThat(source.info("disk").position().trackingId()).isNotEqualTo(before.trackingId());
      await().until(() -> events.peek() instanceof SourceEvent.Resized);
    }
    options = DiskOptions.of("disk", options.image(), 8 * MIB);
    assertThatThrownBy(() -> open(BOOT)).hasMessageContaining("never shrunk");
  }

  @Test
  void aVolumeThatGrowsUnderASnapshotLeavesItsImageAlone() throws Exception {
    TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT);
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.track("disk");
      disk.write(0, data(MIB, 1));
      try (Snapshot snapshot = source.take(List.of("disk"))) {
        disk.grow(16 * MIB);
        disk.write(15 * MIB, data(MIB, 2));
        disk.write(0, data(MIB, 3));
        ByteBuffer read = ByteBuffer.allocateDirect(MIB);
        snapshot.images().get(0).read(0, read);
        assertThat(read.flip()).isEqualTo(data(MIB, 1));
        assertThat(snapshot.images().get(0).info().capacityBytes()).isEqualTo(8 * MIB);
      }
      assertThat(source.info("disk").capacityBytes()).isEqualTo(16 * MIB);
    }
  }

  @Test
  void aTakeGivesUpOnAWriteThatHangsAndLetsTheOthersGoOn() throws Exception {
    TrackedDisk hanging = TrackedDisk.open(options.withEvents(0.5, 1), Clock.systemUTC(), BOOT);
    TrackedDisk other =
        TrackedDisk.open(
            DiskOptions.of("a", directory.resolve("a.img"), 8 * MIB), Clock.systemUTC(), BOOT);
    CountDownLatch hangs = new CountDownLatch(1);
    CountDownLatch goesOn = new CountDownLatch(1);
    try (DiskSource source = new DiskSource(List.of(hanging, other))) {
      source.track("disk");
      source.track("a");
      hanging.listen(ignored -> hang(hangs, goesOn));
      Future<?> stuck = async(() -> hanging.write(0, data(MIB, 1)));
      hangs.await();
      Future<?> take =
          async(
              () ->
                  DiskSnapshot.take(
                      List.of(other, hanging),
                      Clock.systemUTC(),
                      Duration.ofMillis(100),
                      ignored -> {}));
      assertThatThrownBy(() -> take.get(60, TimeUnit.SECONDS))
          .cause()
          .isInstanceOfSatisfying(
              SourceException.class, e -> assertThat(e.code()).isEqualTo(Code.BUSY));
      async(() -> other.write(0, data(MIB, 2))).get(60, TimeUnit.SECONDS);
      goesOn.countDown();
      stuck.get(60, TimeUnit.SECONDS);
      source.take(List.of("a", "disk")).close();
    }
  }

  @Test
  void theEndOfASnapshotWaitsForAWriteThatHangsAndLetsOthersPass() throws Exception {
    TrackedDisk disk = TrackedDisk.open(options.withEvents(0.5, 1), Clock.systemUTC(), BOOT);
    CountDownLatch hangs = new CountDownLatch(1);
    CountDownLatch goesOn = new CountDownLatch(1);
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.track("disk");
      Snapshot snapshot = source.take(List.of("disk"));
      disk.listen(ignored -> hang(hangs, goesOn));
      Future<?> stuck = async(() -> disk.write(0, data(MIB, 1)));
      hangs.await();
      FutureTask<Void> end = task(snapshot::close);
      Thread ending = new Thread(end);
      ending.start();
      await().until(() -> ending.getState() == Thread.State.TIMED_WAITING);
      async(() -> disk.write(MIB, data(MIB, 2))).get(60, TimeUnit.SECONDS);
      assertThat(end.isDone()).isFalse();
      goesOn.countDown();
      stuck.get(60, TimeUnit.SECONDS);
      end.get(60, TimeUnit.SECONDS);
    }
  }

  /** Not for ever, so that a test that fails comes to an end. */
  private static void hang(CountDownLatch hangs, CountDownLatch goesOn) {
    hangs.countDown();
    try {
      goesOn.await(30, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private interface Action {
    void run() throws Exception;
  }

  private static FutureTask<Void> task(Action action) {
    return new FutureTask<>(
        () -> {
          action.run();
          return null;
        });
  }

  private static Future<?> async(Action action) {
    FutureTask<Void> task = task(action);
    new Thread(task).start();
    return task;
  }

  @Test
  void aChangeThatCannotBeMarkedIsWrittenAndBeginsANewHistory() throws Exception {
    Position before = track(BOOT);
    TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT);
    Queue<SourceEvent> events = new ConcurrentLinkedQueue<>();
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.listen(events::add);
      closeStateFile(disk);
      disk.write(MIB, data(MIB, 7));
      await().until(() -> events.peek() instanceof SourceEvent.HistoryLost);
      assertThat(options.state()).doesNotExist();
      assertThatThrownBy(() -> source.take(List.of("disk"))).hasMessageContaining("not tracked");
      disk.write(2 * MIB, data(MIB, 8));
      source.track("disk");
      assertThat(source.info("disk").position().trackingId()).isNotEqualTo(before.trackingId());
      source.take(List.of("disk")).close();
    }
    assertThat(Files.readAllBytes(options.image())).contains(7, atIndex(MIB));
    assertThat(Files.readAllBytes(options.image())).contains(8, atIndex(2 * MIB));
  }

  @Test
  void aTakeThatCannotBeNotedBeginsANewHistory() throws Exception {
    Position before = track(BOOT);
    TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT);
    try (DiskSource source = new DiskSource(List.of(disk))) {
      closeStateFile(disk);
      assertThatThrownBy(() -> source.take(List.of("disk")))
          .isInstanceOfSatisfying(
              SourceException.class, e -> assertThat(e.code()).isEqualTo(Code.NOT_TRACKED));
      source.track("disk");
      assertThat(source.info("disk").position().trackingId()).isNotEqualTo(before.trackingId());
      source.take(List.of("disk")).close();
    }
  }

  @Test
  void memoryThatRunsOutCostsTheImageAndNoWrite() throws Exception {
    TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT);
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.track("disk");
      disk.write(0, data(MIB, 1));
      DiskDifferenceStorage full =
          new DiskDifferenceStorage(
              options.storage(), SparseFile.open(options.storage()), 4096, 1000) {
            @Override
            synchronized int allocate(int wanted, int[] run) {
              throw new OutOfMemoryError("of this test");
            }
          };
      disk.claim();
      HeldImage image = disk.take(full);
      disk.write(0, data(MIB, 2));
      assertThatThrownBy(image::check)
          .isInstanceOfSatisfying(
              SourceException.class, e -> assertThat(e.code()).isEqualTo(Code.CORRUPTED));
      ByteBuffer read = ByteBuffer.allocateDirect(MIB);
      disk.read(0, read);
      assertThat(read.flip()).isEqualTo(data(MIB, 2));
      disk.drop(image);
    }
  }

  /** From now on nothing can be written to the state file. */
  private void closeStateFile(TrackedDisk disk) throws Exception {
    disk.tracked().discard(directory.resolve("another"));
  }

  @Test
  void aVolumeThatGrowsAndGetsNoMapIsWrittenToAndTrackedAnew() throws Exception {
    Path state = Files.createDirectory(directory.resolve("state"));
    options = options.withState(state.resolve("disk.cbt"));
    TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT);
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.track("disk");
      Files.delete(options.state());
      Files.delete(state);
      assertThatThrownBy(() -> disk.grow(9 * MIB)).isInstanceOf(IOException.class);
      disk.write(8 * MIB, data(MIB, 1));
      assertThatThrownBy(() -> source.take(List.of("disk"))).hasMessageContaining("not tracked");
      Files.createDirectory(state);
      source.track("disk");
      assertThat(source.info("disk").capacityBytes()).isEqualTo(9 * MIB);
      source.take(List.of("disk")).close();
    }
  }

  @Test
  void oneProcessAtATimeHasTheDisk() throws Exception {
    track(BOOT);
    try (DiskSource source = open(BOOT)) {
      assertThatThrownBy(() -> open(BOOT)).hasMessageContaining("in use");
      assertThat(source.info("disk")).isNotNull();
    }
  }

  @Test
  void oneDiskAtATimeHasTheImageByWhateverName() throws Exception {
    Path link = directory.resolve("link.img");
    Files.createSymbolicLink(link, options.image());
    DiskOptions second = DiskOptions.of("second", link, 8 * MIB);
    try (TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT)) {
      assertThatThrownBy(() -> TrackedDisk.open(second, Clock.systemUTC(), BOOT))
          .hasMessageContaining("link.img is in use by another volume or exporter");
      Thread.currentThread().interrupt();
      disk.read(0, ByteBuffer.allocateDirect(512));
      assertThat(Thread.interrupted()).isTrue();
      assertThatThrownBy(() -> TrackedDisk.open(second, Clock.systemUTC(), BOOT))
          .as("whatever was closed meanwhile")
          .hasMessageContaining("in use");
    }
    TrackedDisk.open(second, Clock.systemUTC(), BOOT).close();
  }

  @Test
  void tellsOfChangesOverTheThresholdOncePerTakeAndOfTheWatermark() throws Exception {
    options = options.withEvents(0.5, 3 * 65536).withStorage(options.storage(), 4 * MIB);
    TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT);
    Queue<SourceEvent> events = new ConcurrentLinkedQueue<>();
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.listen(events::add);
      source.track("disk");
      disk.write(0, data(2 * 65536, 1));
      disk.write(0, data(2 * 65536, 2));
      disk.write(MIB, data(MIB, 2));
      disk.write(2 * MIB, data(MIB, 2));
      await().until(() -> events.size() == 1);
      assertThat(events.remove()).isInstanceOf(SourceEvent.Changed.class);
      try (Snapshot snapshot = source.take(List.of("disk"))) {
        disk.write(MIB, data(2 * MIB, 3));
        await().until(() -> events.size() == 2);
        assertThat(events)
            .hasAtLeastOneElementOfType(SourceEvent.Changed.class)
            .hasAtLeastOneElementOfType(SourceEvent.Watermark.class);
        snapshot.images().get(0).check();
      }
    }
  }

  @Test
  void trimmingAHoleChangesNothing() throws Exception {
    TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT);
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.track("disk");
      Position base;
      try (Snapshot snapshot = source.take(List.of("disk"))) {
        base = snapshot.images().get(0).info().position();
      }
      disk.write(MIB, data(65536, 1));
      disk.trim(2 * MIB, 6 * MIB);
      disk.writeZeroes(0, MIB, false, true);
      try (Snapshot snapshot = source.take(List.of("disk"))) {
        Changes changes = (Changes) snapshot.images().get(0).changeMap().since(base);
        assertThat(changes.bytes()).isEqualTo(65536);
      }
    }
  }

  @Test
  void anInterruptedThreadDoesNotCloseTheDiskForOthers() throws Exception {
    TrackedDisk disk = TrackedDisk.open(options, Clock.systemUTC(), BOOT);
    try (DiskSource source = new DiskSource(List.of(disk))) {
      source.track("disk");
      disk.write(0, data(MIB, 5));
      Thread.currentThread().interrupt();
      ByteBuffer read = ByteBuffer.allocateDirect(MIB);
      disk.read(0, read);
      assertThat(Thread.interrupted()).as("still interrupted").isTrue();
      assertThat(read.flip()).isEqualTo(data(MIB, 5));
      Position position = source.info("disk").position();
      Thread.currentThread().interrupt();
      disk.write(0, data(MIB, 6));
      assertThat(Thread.interrupted()).as("still interrupted").isTrue();
      assertThat(source.info("disk").position()).isEqualTo(position);
    }
  }

  @Test
  void theTrackingBlockGrowsSoThatTheMapDoesNot() {
    assertThat(PersistentChangeMap.blockSize(1L << 30, 64 << 10)).isEqualTo(64 << 10);
    assertThat(PersistentChangeMap.blockSize(128L << 30, 64 << 10)).isEqualTo(64 << 10);
    assertThat(PersistentChangeMap.blockSize((128L << 30) + 512, 64 << 10)).isEqualTo(128 << 10);
    assertThat(PersistentChangeMap.blockSize(4L << 40, 64 << 10)).isEqualTo(2 << 20);
  }

  private static ByteBuffer data(int size, int value) {
    ByteBuffer data = ByteBuffer.allocateDirect(size);
    while (data.hasRemaining()) {
      data.put((byte) value);
    }
    return data.flip();
  }
}
