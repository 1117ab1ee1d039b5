package io.blkcast.exporter.source.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.exporter.source.ChangeMap.Changes;
import io.blkcast.exporter.source.ChangeMap.Lost;
import io.blkcast.exporter.source.ChangeMap.Since;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** History of an image is proved continuous, or it begins anew and says why. */
class ImageContinuityTest {

  private static final int MIB = 1 << 20;
  private static final UUID BOOT = new UUID(1, 1);
  private static final UUID NEXT_BOOT = new UUID(2, 2);

  @TempDir Path directory;
  private Path image;
  private DiskOptions options;
  private final SetClock clock = new SetClock();
  private final Probe probe = new Probe();
  private final List<SourceEvent> events = new ArrayList<>();
  private final List<TrackedDisk> opened = new ArrayList<>();

  @BeforeEach
  void configure() {
    image = directory.resolve("disk.img");
    options = DiskOptions.of("disk", image, 8 * MIB);
  }

  @AfterEach
  void close() throws IOException {
    for (TrackedDisk disk : opened) {
      disk.close();
    }
  }

  /** The machine's clock, moved. */
  private static final class SetClock extends Clock {

    private volatile Duration by = Duration.ZERO;

    @Override
    public Instant instant() {
      return Instant.now().plus(by);
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  /** The machine's filesystem, with what it says bent. */
  private static final class Probe implements ImageProbe {

    private UnaryOperator<ImageMark> bent = mark -> mark;
    private boolean ourClock = true;

    @Override
    public ImageMark of(SparseFile image) throws IOException {
      return bent.apply(SYSTEM.of(image));
    }

    @Override
    public Optional<ImageMark> at(Path path) throws IOException {
      return SYSTEM.at(path).map(bent);
    }

    @Override
    public boolean stampsByOurClock(Path path) {
      return ourClock;
    }

    /** The filesystem stamps with a clock that is moved as well. */
    void stamp(Duration by) {
      bent =
          mark ->
              new ImageMark(
                  mark.device(),
                  mark.inode(),
                  mark.born(),
                  mark.size(),
                  mark.changed() + by.toNanos());
    }
  }

  private TrackedDisk open(UUID boot) throws IOException {
    TrackedDisk disk = TrackedDisk.open(options, clock, boot, probe);
    opened.add(disk);
    disk.listen(events::add);
    return disk;
  }

  private TrackedDisk open() throws IOException {
    return open(BOOT);
  }

  /** A disk with some data, of which a take was made. */
  private TrackedDisk openAndTake() throws Exception {
    TrackedDisk disk = open();
    disk.track();
    write(disk, 0, 1);
    base = take(disk);
    return disk;
  }

  private Position base;

  private static Position take(TrackedDisk disk) throws SourceException {
    try (Snapshot snapshot = snapshot(disk)) {
      return snapshot.images().get(0).info().position();
    }
  }

  /** What a take says of what changed since the base. */
  private Since since(TrackedDisk disk) throws SourceException {
    try (Snapshot snapshot = snapshot(disk)) {
      return snapshot.images().get(0).changeMap().since(base);
    }
  }

  private static Snapshot snapshot(TrackedDisk disk) throws SourceException {
    return DiskSnapshot.take(
        List.of(disk), Clock.systemUTC(), TrackedDisk.HOLD_LIMIT, ignored -> {});
  }

  private static void write(TrackedDisk disk, long offset, int value) throws IOException {
    ByteBuffer data = ByteBuffer.allocateDirect(4096);
    while (data.hasRemaining()) {
      data.put((byte) value);
    }
    disk.write(offset, data.flip());
  }

  /** As {@code kill -9}: the state file stays as it is, and its lock ends. */
  private void kill(TrackedDisk disk) throws IOException {
    Path saved = directory.resolve("saved");
    Files.copy(options.state(), saved, StandardCopyOption.REPLACE_EXISTING);
    opened.remove(disk);
    disk.close();
    Files.move(saved, options.state(), StandardCopyOption.REPLACE_EXISTING);
  }

  /** Something else writes to the image, later than the tracker by more than a tick. */
  private void writeForeign(long offset) throws IOException {
    afterATick();
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.seek(offset);
      file.write(77);
    }
  }

  /** Waits until a file's ctime would be another one. */
  private void afterATick() throws IOException {
    Path probeFile = Files.write(directory.resolve("tick"), new byte[1]);
    long from = Statx.at(probeFile).changed();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    // Twice, so that a whole tick lies in between.
    for (int ticks = 0; ticks < 2 && System.nanoTime() < end; ) {
      Files.write(probeFile, new byte[1]);
      long now = Statx.at(probeFile).changed();
      if (now - from > TimeUnit.MILLISECONDS.toNanos(5)) {
        from = now;
        ticks++;
      }
    }
  }

  private void assertHistoryGoesOn(TrackedDisk disk) throws Exception {
    assertThat(since(disk)).isInstanceOf(Changes.class);
    assertThat(events).isEmpty();
  }

  private void assertDoubted(TrackedDisk disk, String reason) throws Exception {
    assertThat(since(disk)).isInstanceOf(Lost.class);
    assertThat(disk.info().position().trackingId()).isNotEqualTo(base.trackingId());
    assertThat(events).hasSize(1);
    assertThat(events.get(0))
        .isInstanceOfSatisfying(
            SourceEvent.HistoryLost.class, lost -> assertThat(lost.cause()).contains(reason));
  }

  // What is the tracker's own doing.

  @Test
  void historyGoesOnOverACleanCloseAndABoot() throws Exception {
    openAndTake().close();
    TrackedDisk disk = open(NEXT_BOOT);
    assertHistoryGoesOn(disk);
  }

  @Test
  void historyGoesOnAfterAKillWithoutWrites() throws Exception {
    kill(openAndTake());
    assertHistoryGoesOn(open());
  }

  @Test
  void historyGoesOnAfterAKillThatFollowsAWrite() throws Exception {
    TrackedDisk disk = openAndTake();
    afterATick();
    write(disk, 2 * MIB, 2);
    kill(disk);
    TrackedDisk next = open();
    Since since = since(next);
    assertThat(((Changes) since).bytes()).isEqualTo(64 << 10);
    assertThat(events).isEmpty();
  }

  @Test
  void everyKindOfOwnChangeIsExplained() throws Exception {
    TrackedDisk disk = openAndTake();
    for (int round = 0; round < 3; round++) {
      afterATick();
      write(disk, 3 * MIB, round);
      disk.trim(0, 4096);
      disk.writeZeroes(3 * MIB, 4096, true, false);
      disk.writeZeroes(4 * MIB, 4096, false, false);
      disk.flush();
      afterATick();
      disk.beat();
      disk.beat();
      assertThat(since(disk)).isInstanceOf(Changes.class);
    }
    disk.writeZeroes(6 * MIB, 4096, true, false);
    kill(disk);
    assertHistoryGoesOn(open());
  }

  @Test
  void bytesReadAndAccessTimesChangeNothing() throws Exception {
    TrackedDisk disk = openAndTake();
    afterATick();
    assertThat(Files.readAllBytes(image)).hasSize(8 * MIB);
    disk.beat();
    assertHistoryGoesOn(disk);
  }

  // What happens while the exporter is away.

  @Test
  void anImageWrittenToAfterAKillIsDoubted() throws Exception {
    kill(openAndTake());
    writeForeign(MIB);
    assertDoubted(open(), "something else changed the image");
  }

  @Test
  void anImageWrittenToAfterACloseIsDoubtedThoughItsMtimeIsSetBack() throws Exception {
    openAndTake().close();
    FileTime before = Files.getLastModifiedTime(image);
    writeForeign(MIB);
    Files.setLastModifiedTime(image, before);
    assertDoubted(open(), "something else changed the image");
  }

  @Test
  void aWriteOfOursDoesNotExplainAForeignOneThatIsLaterThanItsPromise() throws Exception {
    TrackedDisk disk = openAndTake();
    afterATick();
    write(disk, 2 * MIB, 2);
    Path saved = Files.copy(options.state(), directory.resolve("written"));
    kill(disk);
    Files.move(saved, options.state(), StandardCopyOption.REPLACE_EXISTING);
    probe.stamp(Duration.ofMillis(PersistentChangeMap.PROMISE_MILLIS + 1000));
    clock.by = Duration.ofMinutes(1);
    assertDoubted(open(), "something else changed the image");
  }

  @Test
  void afterAPauseOwnWritesExplainNothingMore() throws Exception {
    TrackedDisk disk = openAndTake();
    write(disk, 2 * MIB, 2);
    disk.beat();
    disk.beat();
    kill(disk);
    writeForeign(MIB);
    assertDoubted(open(), "something else changed the image");
  }

  @Test
  void aCopyInPlaceOfTheImageIsDoubted() throws Exception {
    openAndTake().close();
    Path copy = directory.resolve("copy.img");
    Files.copy(image, copy, StandardCopyOption.COPY_ATTRIBUTES);
    Files.move(copy, image, StandardCopyOption.REPLACE_EXISTING);
    assertDoubted(open(), "another file");
  }

  @Test
  void aCopyOfImageAndStateWithAllTimesKeptIsDoubted() throws Exception {
    openAndTake().close();
    Path to = Files.createDirectory(directory.resolve("to"));
    for (Path file : List.of(image, options.state())) {
      Files.copy(file, to.resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
    }
    image = to.resolve("disk.img");
    options = DiskOptions.of("disk", image, 8 * MIB);
    assertDoubted(open(), "another file");
  }

  @Test
  void aHardLinkMadeOrAModeSetWhileAwayIsDoubtedSinceItCannotBeToldFromAWrite() throws Exception {
    openAndTake().close();
    afterATick();
    Files.createLink(directory.resolve("link.img"), image);
    assertDoubted(open(), "or its attributes");
  }

  @Test
  void anImageServedByWayOfItsHardLinkKeepsItsHistory() throws Exception {
    Files.write(image, new byte[8 * MIB]);
    Path link = Files.createLink(directory.resolve("link.img"), image);
    openAndTake().close();
    options = DiskOptions.of("disk", link, 8 * MIB).withState(options.state());
    image = link;
    assertHistoryGoesOn(open());
  }

  @Test
  void anImageCutOrGrownWhileAwayIsDoubted() throws Exception {
    openAndTake().close();
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(7 * MIB);
    }
    TrackedDisk disk = open();
    assertThat(disk.info().position().trackingId()).isNotEqualTo(base.trackingId());
    assertThat(events)
        .hasAtLeastOneElementOfType(SourceEvent.Resized.class)
        .hasAtLeastOneElementOfType(SourceEvent.HistoryLost.class);
  }

  @Test
  void aStateDirectoryThatWasNotThereWhenTheImageWasWrittenToIsDoubted() throws Exception {
    openAndTake().close();
    DiskOptions first = options;
    options = options.withState(directory.resolve("other.cbt"));
    afterATick();
    TrackedDisk other = open();
    other.track();
    write(other, MIB, 3);
    other.close();
    options = first;
    assertDoubted(open(), "something else changed the image");
  }

  @Test
  void twoStatesOfWhichNoneWroteGoOnBoth() throws Exception {
    openAndTake().close();
    DiskOptions first = options;
    options = options.withState(directory.resolve("other.cbt"));
    open().close();
    options = first;
    assertHistoryGoesOn(open());
  }

  @Test
  void theStateOfAnotherVolumeIsDoubted() throws Exception {
    openAndTake().close();
    image = directory.resolve("second.img");
    options = DiskOptions.of("second", image, 8 * MIB).withState(options.state());
    assertDoubted(open(), "another file");
  }

  @Test
  void aStateOfAnEarlierVersionIsDoubted() throws Exception {
    openAndTake().close();
    byte[] state = Files.readAllBytes(options.state());
    for (int slot : new int[] {0, 2048}) {
      ByteBuffer.wrap(state).putLong(slot, 0x626c_6b63_6173_7431L);
    }
    Files.write(options.state(), state);
    assertDoubted(open(), "an earlier version of blkcast");
  }

  @Test
  void aStateThatWasCutIsDoubted() throws Exception {
    openAndTake().close();
    try (RandomAccessFile file = new RandomAccessFile(options.state().toFile(), "rw")) {
      file.setLength(4096);
    }
    assertDoubted(open(), "was cut");
  }

  // Copies of the state that are older than what was published.

  @Test
  void aStateThatIsOlderThanTheLastIncrementIsNotItsBase() throws Exception {
    TrackedDisk disk = openAndTake();
    disk.close();
    Path saved = Files.copy(options.state(), directory.resolve("saved"));
    TrackedDisk later = open();
    base = take(later);
    later.close();
    Files.move(saved, options.state(), StandardCopyOption.REPLACE_EXISTING);
    TrackedDisk restored = open();
    assertThat(events).as("image and state agree").isEmpty();
    for (int attempt = 0; attempt < 5; attempt++) {
      assertThat(since(restored))
          .as("take %d", attempt)
          .isInstanceOfSatisfying(
              Lost.class, lost -> assertThat(lost.reason()).contains("restored from"));
    }
  }

  @Test
  void aCopyOfAStateThatIsOpenIsNotTheBaseOfWhatWasTakenAfterIt() throws Exception {
    TrackedDisk disk = openAndTake();
    Path saved = Files.copy(options.state(), directory.resolve("older"));
    base = take(disk);
    kill(disk);
    Files.move(saved, options.state(), StandardCopyOption.REPLACE_EXISTING);
    TrackedDisk restored = open();
    for (int attempt = 0; attempt < 5; attempt++) {
      assertThat(since(restored)).as("take %d", attempt).isInstanceOf(Lost.class);
    }
  }

  @Test
  void aBaseOfAnyEarlierOpeningIsKnownWhileTheMapReachesBack() throws Exception {
    openAndTake().close();
    for (int opening = 0; opening < 40; opening++) {
      TrackedDisk disk = open();
      assertThat(since(disk)).as("opening %d", opening).isInstanceOf(Changes.class);
      disk.close();
    }
    for (int opening = 0; opening < 100; opening++) {
      open().close();
    }
    assertHistoryGoesOn(open());
  }

  @Test
  void everyOpeningHasAnIncarnationOfItsOwn() throws Exception {
    TrackedDisk disk = openAndTake();
    disk.close();
    TrackedDisk next = open();
    assertThat(next.info().position()).as("still of the take").isEqualTo(base);
    assertThat(take(next).incarnation().orElseThrow())
        .isNotEqualTo(base.incarnation().orElseThrow());
  }

  // What happens while the disk is served.

  @Test
  void aForeignWriteIsDoubtedAtTheNextTake() throws Exception {
    TrackedDisk disk = openAndTake();
    writeForeign(MIB);
    assertThat(since(disk)).isInstanceOf(Lost.class);
    assertDoubted(disk, "something else changed the image");
  }

  @Test
  void aForeignWriteIsDoubtedWithoutATakeAndOnce() throws Exception {
    TrackedDisk disk = openAndTake();
    writeForeign(MIB);
    disk.beat();
    disk.beat();
    assertDoubted(disk, "something else changed the image");
  }

  @Test
  void aDoubtOutlivesAKill() throws Exception {
    TrackedDisk disk = openAndTake();
    writeForeign(MIB);
    disk.beat();
    kill(disk);
    assertDoubted(open(), "something else changed the image");
  }

  @Test
  void aForeignWriteIsDoubtedAtTheClose() throws Exception {
    TrackedDisk disk = openAndTake();
    writeForeign(MIB);
    disk.close();
    assertDoubted(open(), "something else changed the image");
  }

  @Test
  void aForeignWriteUnderASnapshotSpoilsIt() throws Exception {
    TrackedDisk disk = openAndTake();
    try (Snapshot snapshot = snapshot(disk)) {
      writeForeign(MIB);
      disk.beat();
      assertThatThrownBy(() -> snapshot.images().get(0).read(0, ByteBuffer.allocateDirect(4096)))
          .isInstanceOfSatisfying(
              SourceException.class, e -> assertThat(e.code()).isEqualTo(Code.CORRUPTED));
    }
  }

  @Test
  void anImageThatIsCutIsNotPublishedAndReadsBeyondItsEndFail() throws Exception {
    TrackedDisk disk = openAndTake();
    cut(4 * MIB);
    assertThatThrownBy(() -> disk.read(6 * MIB, ByteBuffer.allocateDirect(4096)))
        .isInstanceOf(IOException.class);
    assertThat(disk.run(4 * MIB, MIB)).as("not said to be a hole").isPositive();
    assertThatThrownBy(() -> snapshot(disk))
        .isInstanceOfSatisfying(SourceException.class, e -> assertThat(e.code()).isEqualTo(Code.IO))
        .hasMessageContaining("has only 4194304 of 8388608 bytes");
    write(disk, 5 * MIB, 3);
    assertThatThrownBy(() -> snapshot(disk)).hasMessageContaining("something cut it");
    write(disk, 8 * MIB - 4096, 3);
    assertDoubted(disk, "size from 8388608 to 4194304");
  }

  @Test
  void anImageThatIsCutUnderASnapshotDoesNotReadAsZero() throws Exception {
    TrackedDisk disk = openAndTake();
    write(disk, 6 * MIB, 2);
    try (Snapshot snapshot = snapshot(disk)) {
      cut(4 * MIB);
      Snapshot.Image held = snapshot.images().get(0);
      assertThat(held.data(4 * MIB)).isPresent();
      assertThatThrownBy(() -> held.read(6 * MIB, ByteBuffer.allocateDirect(4096)))
          .isInstanceOf(SourceException.class);
      disk.beat();
      assertThatThrownBy(held::check).hasMessageContaining("changed the image's size");
    }
  }

  @Test
  void anImageThatWasCutAndGrownIsDoubtedThoughOwnWritesFollow() throws Exception {
    TrackedDisk disk = openAndTake();
    cut(4 * MIB);
    assertThatThrownBy(() -> disk.read(6 * MIB, ByteBuffer.allocateDirect(4096)))
        .isInstanceOf(IOException.class);
    cut(8 * MIB);
    write(disk, 0, 4);
    assertDoubted(disk, "cut the image");
  }

  @Test
  void anImageThatIsGrownIsDoubtedAndSaysWhatIsNotServed() throws Exception {
    TrackedDisk disk = openAndTake();
    cut(9 * MIB);
    assertDoubted(disk, "restart the exporter to serve all");
  }

  private void cut(long bytes) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(bytes);
    }
  }

  @Test
  void anImageThatIsReplacedIsServedOnAndNotPublished() throws Exception {
    TrackedDisk disk = openAndTake();
    Path other = Files.write(directory.resolve("other.img"), new byte[8 * MIB]);
    Files.move(other, image, StandardCopyOption.REPLACE_EXISTING);
    for (int attempt = 0; attempt < 3; attempt++) {
      assertThatThrownBy(() -> snapshot(disk))
          .isInstanceOfSatisfying(
              SourceException.class, e -> assertThat(e.code()).isEqualTo(Code.GONE))
          .hasMessageContaining("restart the exporter");
    }
    write(disk, MIB, 5);
    ByteBuffer read = ByteBuffer.allocateDirect(4096);
    disk.read(MIB, read);
    assertThat(read.get(0)).isEqualTo((byte) 5);
    assertThat(Files.readAllBytes(image)).as("not ours").containsOnly(0);
    assertThat(events).hasSize(1);
    disk.close();
    events.clear();
    assertDoubted(open(), "another file");
  }

  @Test
  void anImageThatIsPutBackIsPublishedWhole() throws Exception {
    TrackedDisk disk = openAndTake();
    Path away = directory.resolve("away.img");
    Files.move(image, away);
    disk.beat();
    assertThatThrownBy(() -> snapshot(disk))
        .isInstanceOfSatisfying(
            SourceException.class, e -> assertThat(e.code()).isEqualTo(Code.GONE));
    Files.move(away, image);
    assertThat(since(disk)).isInstanceOf(Lost.class);
  }

  @Test
  void anInterruptedThreadDoesNotMoveTheDiskToTheFileThatHasItsName() throws Exception {
    TrackedDisk disk = openAndTake();
    Path other = Files.write(directory.resolve("other.img"), new byte[8 * MIB]);
    Files.move(other, image, StandardCopyOption.REPLACE_EXISTING);
    Thread.currentThread().interrupt();
    ByteBuffer read = ByteBuffer.allocateDirect(4096);
    disk.read(0, read);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(read.get(0)).isEqualTo((byte) 1);
  }

  // Clocks.

  @Test
  void aClockSetBackWhileServedIsDoubted() throws Exception {
    TrackedDisk disk = openAndTake();
    write(disk, MIB, 2);
    clock.by = Duration.ofHours(-1);
    assertDoubted(disk, "clock was set back");
  }

  @Test
  void anOwnWriteUnderAClockSetBackIsDoubted() throws Exception {
    TrackedDisk disk = openAndTake();
    clock.by = Duration.ofHours(-1);
    probe.stamp(clock.by);
    write(disk, MIB, 2);
    assertDoubted(disk, "clock was set back");
  }

  @Test
  void aClockSetBackAfterAKillIsDoubted() throws Exception {
    TrackedDisk disk = openAndTake();
    write(disk, MIB, 2);
    kill(disk);
    clock.by = Duration.ofHours(-1);
    assertDoubted(open(), "clock was set back");
  }

  @Test
  void aClockSetForwardIsNoDoubt() throws Exception {
    TrackedDisk disk = openAndTake();
    clock.by = Duration.ofHours(1);
    probe.stamp(Duration.ZERO);
    write(disk, MIB, 2);
    assertHistoryGoesOn(disk);
  }

  // Filesystems.

  @Test
  void withoutABirthTimeTheDeviceCountsOverABoot() throws Exception {
    probe.bent = mark -> new ImageMark(mark.device(), mark.inode(), 0, mark.size(), mark.changed());
    openAndTake().close();
    TrackedDisk disk = open(NEXT_BOOT);
    assertThat(since(disk)).isInstanceOf(Changes.class);
    disk.close();
    probe.bent =
        mark -> new ImageMark(mark.device() + 1, mark.inode(), 0, mark.size(), mark.changed());
    assertDoubted(open(BOOT), "another file");
  }

  @Test
  void withABirthTimeADeviceMayHaveAnotherNumberAfterABoot() throws Exception {
    openAndTake().close();
    UnaryOperator<ImageMark> moved =
        mark ->
            new ImageMark(
                mark.device() + 1, mark.inode(), mark.born(), mark.size(), mark.changed());
    probe.bent = moved;
    TrackedDisk disk = open(NEXT_BOOT);
    assertHistoryGoesOn(disk);
    disk.close();
    probe.bent = mark -> moved.apply(moved.apply(mark));
    assertDoubted(open(NEXT_BOOT), "another file");
  }

  @Test
  void anInodeThatIsUsedAgainIsToldByItsBirth() throws Exception {
    openAndTake().close();
    probe.bent =
        mark ->
            new ImageMark(
                mark.device(), mark.inode(), mark.born() + 1, mark.size(), mark.changed());
    assertDoubted(open(), "another file");
  }

  @Test
  void onAServersFilesystemACleanCloseIsProvedAndAKillWhileWritingIsNot() throws Exception {
    probe.ourClock = false;
    TrackedDisk disk = openAndTake();
    probe.stamp(Duration.ofMinutes(5));
    write(disk, MIB, 2);
    assertThat(since(disk)).as("by the server's clock").isInstanceOf(Changes.class);
    disk.close();
    TrackedDisk next = open();
    assertThat(since(next)).isInstanceOf(Changes.class);
    write(next, MIB, 3);
    kill(next);
    assertDoubted(open(), "does not tell whether anything else wrote to it");
  }
}
