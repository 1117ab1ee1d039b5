package io.blkcast.exporter.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.blkcast.exporter.source.ChangeMap.Changes;
import io.blkcast.exporter.source.ChangeMap.Lost;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every {@link ChangeSource} must do, whatever it tracks. */
public abstract class ChangeSourceContract {

  private static final int STEPS = 250;

  private SourceRig rig;
  private String first;
  private String second;

  /** Enough storage for everything that is overwritten. */
  protected static final long AMPLE = 64 << 20;

  /**
   * Makes volumes.
   *
   * @param storageLimit bytes of difference storage for each snapshot
   */
  protected abstract SourceRig rig(long storageLimit) throws Exception;

  /** The one of the test, of whose volumes both are tracked. */
  protected SourceRig rig() {
    return rig;
  }

  @BeforeEach
  void open() throws Exception {
    open(AMPLE);
  }

  private void open(long storageLimit) throws Exception {
    if (rig != null) {
      rig.close();
    }
    rig = rig(storageLimit);
    first = rig.volumes().get(0);
    second = rig.volumes().get(1);
    rig.source().track(first);
    rig.source().track(second);
  }

  @AfterEach
  void close() throws Exception {
    rig.close();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void behavesAsArraysOfBytesUnderRandomUse(long seed) throws Exception {
    Random random = new Random(seed);
    List<SourceModel> models =
        List.of(new SourceModel(rig, first, random), new SourceModel(rig, second, random));
    Snapshot snapshot = null;
    for (int step = 0; step < STEPS; step++) {
      SourceModel model = models.get(random.nextInt(2));
      switch (random.nextInt(20)) {
        case 0, 1 -> {
          if (snapshot == null) {
            snapshot = rig.source().take(rig.volumes());
            models.get(0).taken(snapshot.images().get(0));
            models.get(1).taken(snapshot.images().get(1));
          }
        }
        case 2 -> {
          if (snapshot != null) {
            snapshot.close();
            snapshot = null;
            models.forEach(SourceModel::closed);
          }
        }
        case 3 -> {
          if (random.nextInt(5) == 0) {
            rig.restart();
            snapshot = null;
            models.forEach(SourceModel::closed);
          }
        }
        case 4, 5 -> model.trim();
        case 6 -> model.release();
        case 7 -> model.checkHoles();
        case 8, 9, 10, 11 -> model.checkImage();
        default -> model.write();
      }
    }
    if (snapshot != null) {
      snapshot.close();
    }
    try (Snapshot last = rig.source().take(rig.volumes())) {
      for (int i = 0; i < 2; i++) {
        models.get(i).taken(last.images().get(i));
        models.get(i).checkAllBases(last.images().get(i));
        models.get(i).checkVolume();
      }
    }
  }

  @Test
  void anImageStaysAsItWasWhileWritersRace() throws Exception {
    byte[] before = new byte[(int) rig.capacity()];
    new Random(1).nextBytes(before);
    rig.write(first, 0, before);
    ExecutorService writers = Executors.newFixedThreadPool(3);
    AtomicBoolean stop = new AtomicBoolean();
    try (Snapshot snapshot = rig.source().take(List.of(first))) {
      List<Future<?>> writing = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        Random random = new Random(i);
        writing.add(
            writers.submit(
                () -> {
                  while (!stop.get()) {
                    byte[] data = new byte[512 * (1 + random.nextInt(256))];
                    random.nextBytes(data);
                    long most = (rig.capacity() - data.length) / 512;
                    rig.write(first, 512L * random.nextInt((int) most + 1), data);
                  }
                  return null;
                }));
      }
      Random random = new Random(9);
      for (int i = 0; i < 400; i++) {
        int offset = random.nextInt(before.length);
        ByteBuffer read =
            ByteBuffer.allocateDirect(
                Math.min(before.length - offset, 1 + random.nextInt(500_000)));
        snapshot.images().get(0).read(offset, read);
        read.flip();
        assertThat(read.mismatch(ByteBuffer.wrap(before, offset, read.limit())))
            .as("first wrong byte after %s", offset)
            .isEqualTo(-1);
      }
      stop.set(true);
      for (Future<?> writer : writing) {
        writer.get();
      }
    } finally {
      stop.set(true);
      writers.shutdown();
    }
  }

  @Test
  void aGroupIsTakenAtOneInstant() throws Exception {
    AtomicBoolean stop = new AtomicBoolean();
    ExecutorService writer = Executors.newSingleThreadExecutor();
    Future<?> writing =
        writer.submit(
            () -> {
              for (int count = 1; !stop.get(); count++) {
                byte[] data = Arrays.copyOf(ByteBuffer.allocate(4).putInt(count).array(), 512);
                rig.write(first, 0, data);
                rig.write(second, 0, data);
              }
              return null;
            });
    try {
      for (int i = 0; i < 50; i++) {
        try (Snapshot snapshot = rig.source().take(List.of(second, first))) {
          int inSecond = number(snapshot.images().get(0));
          int inFirst = number(snapshot.images().get(1));
          assertThat(inFirst - inSecond).isBetween(0, 1);
        }
      }
    } finally {
      stop.set(true);
      writing.get();
      writer.shutdown();
    }
  }

  private static int number(Snapshot.Image image) throws SourceException {
    ByteBuffer read = ByteBuffer.allocateDirect(4);
    image.read(0, read);
    return read.getInt(0);
  }

  @Test
  protected void aBaseServesForAtLeast127TakesThoughNumbersRunOut() throws Exception {
    List<Position> taken = new ArrayList<>();
    for (int take = 0; take < 300; take++) {
      int blockSize = rig.source().info(first).blockSize();
      long block = take % 20;
      rig.write(first, block * blockSize, sector(take));
      try (Snapshot snapshot = rig.source().take(List.of(first))) {
        ChangeMap map = snapshot.images().get(0).changeMap();
        taken.add(map.info().position());
        for (int base = Math.max(0, take - 127); base < take; base++) {
          assertThat(map.since(taken.get(base))).isInstanceOf(Changes.class);
          Changes changes = (Changes) map.since(taken.get(base));
          assertThat(changes.bytes()).isEqualTo((long) blockSize * Math.min(20, take - base));
        }
        if (take > 0) {
          assertThat(map.info().position().epoch().orElseThrow())
              .isEqualTo(taken.get(take - 1).epoch().orElseThrow() + 1);
        }
      }
    }
    assertThat(taken.get(299).trackingId()).isEqualTo(taken.get(0).trackingId());
    assertThat(taken.get(299).generation()).isNotEqualTo(taken.get(0).generation());
    try (Snapshot snapshot = rig.source().take(List.of(first))) {
      ChangeMap map = snapshot.images().get(0).changeMap();
      assertThat(map.since(taken.get(0))).isInstanceOf(Lost.class);
      Position unknown = rig.source().info(second).position();
      assertThat(map.since(unknown)).isInstanceOf(Lost.class);
    }
  }

  private static byte[] sector(int value) {
    byte[] data = new byte[512];
    Arrays.fill(data, (byte) (1 + value % 100));
    return data;
  }

  @Test
  void aFullDifferenceStorageSpoilsTheImageAndNothingElse() throws Exception {
    open(1 << 20);
    Queue<SourceEvent> events = new ConcurrentLinkedQueue<>();
    rig.source().listen(events::add);
    byte[] before = new byte[(int) rig.capacity()];
    Arrays.fill(before, (byte) 1);
    rig.write(first, 0, before);
    byte[] after = new byte[before.length];
    new Random(3).nextBytes(after);
    Snapshot snapshot = rig.source().take(List.of(first));
    Snapshot.Image image = snapshot.images().get(0);
    assertThat(image.storage().limitBytes()).isLessThanOrEqualTo(1 << 20);
    for (int at = 0; at < after.length; at += 64 << 10) {
      rig.write(first, at, Arrays.copyOfRange(after, at, Math.min(at + (64 << 10), after.length)));
    }
    assertThat(rig.read(first, 0, after.length)).isEqualTo(after);
    assertThat(image.storage().usedBytes()).isBetween(rig.extended() ? 1L : 0L, 1L << 20);
    assertFails(Code.CORRUPTED, image::check);
    assertFails(Code.CORRUPTED, () -> image.read(0, ByteBuffer.allocateDirect(4096)));
    await()
        .until(
            () ->
                events.stream().anyMatch(e -> e instanceof SourceEvent.Corrupted)
                    && events.stream().anyMatch(e -> e instanceof SourceEvent.NoSpace));
    snapshot.close();
    Position base = image.info().position();
    try (Snapshot next = rig.source().take(List.of(first))) {
      Changes changes = (Changes) next.images().get(0).changeMap().since(base);
      assertThat(changes.bytes()).isEqualTo(rig.capacity());
      ByteBuffer read = ByteBuffer.allocateDirect(after.length);
      next.images().get(0).read(0, read);
      assertThat(read.flip()).isEqualTo(ByteBuffer.wrap(after));
    }
  }

  @Test
  protected void whatIsReleasedCostsNoStorageAnyMore() throws Exception {
    byte[] data = new byte[(int) rig.capacity()];
    new Random(4).nextBytes(data);
    rig.write(first, 0, data);
    try (Snapshot snapshot = rig.source().take(List.of(first))) {
      Snapshot.Image image = snapshot.images().get(0);
      rig.write(first, 0, new byte[1 << 20]);
      assertThat(image.storage().usedBytes()).isGreaterThanOrEqualTo(1 << 20);
      image.release(0, 1 << 19);
      image.release(1 << 19, rig.capacity() - (1 << 19));
      await().until(() -> image.storage().usedBytes() == 0);
      rig.write(first, 0, data);
      assertThat(image.storage().usedBytes()).isZero();
      assertFails(Code.RELEASED, () -> image.read(0, ByteBuffer.allocateDirect(512)));
      image.check();
    }
  }

  @Test
  void whatIsReleasedInPartIsKeptForTheRest() throws Exception {
    byte[] data = new byte[1 << 20];
    new Random(5).nextBytes(data);
    rig.write(first, 0, data);
    try (Snapshot snapshot = rig.source().take(List.of(first))) {
      Snapshot.Image image = snapshot.images().get(0);
      rig.write(first, 0, new byte[data.length]);
      // A sector at either end stays, however large the unit is in which data is kept.
      image.release(512, data.length - 1024);
      for (int at : new int[] {0, data.length - 512}) {
        ByteBuffer sector = ByteBuffer.allocateDirect(512);
        image.read(at, sector);
        assertThat(sector.flip()).as("at %d", at).isEqualTo(ByteBuffer.wrap(data, at, 512));
      }
    }
  }

  @Test
  void historyGoesOnAfterARestart() throws Exception {
    rig.write(first, 0, sector(1));
    Position base;
    try (Snapshot snapshot = rig.source().take(List.of(first))) {
      base = snapshot.images().get(0).info().position();
    }
    int block = rig.source().info(first).blockSize();
    rig.write(first, block, sector(2));
    rig.restart();
    rig.source().track(first);
    assertThat(rig.source().info(first).position()).isEqualTo(base);
    rig.write(first, 3L * block, sector(3));
    try (Snapshot snapshot = rig.source().take(List.of(first))) {
      ChangeMap.Cursor cursor =
          ((Changes) snapshot.images().get(0).changeMap().since(base)).cursor();
      assertThat(cursor.next()).isTrue();
      assertThat(cursor.offset()).isEqualTo(block);
      assertThat(cursor.length()).isEqualTo(block);
      assertThat(cursor.next()).isTrue();
      assertThat(cursor.offset()).isEqualTo(3L * block);
      assertThat(cursor.next()).isFalse();
    }
  }

  @Test
  void refusalsSayWhatIsWrong() throws Exception {
    ChangeSource source = rig.source();
    assertFails(Code.UNKNOWN_VOLUME, () -> source.info("no such volume"));
    assertFails(Code.UNKNOWN_VOLUME, () -> source.take(List.of("no such volume")));
    assertFails(Code.INVALID, () -> source.take(List.of()));
    assertFails(Code.INVALID, () -> source.take(List.of(first, first)));
    Snapshot snapshot = source.take(List.of(first));
    assertFails(Code.BUSY, () -> source.take(List.of(second, first)));
    assertFails(Code.BUSY, () -> source.untrack(first));
    // A take that failed left nothing behind.
    source.take(List.of(second)).close();
    Snapshot.Image image = snapshot.images().get(0);
    ByteBuffer two = ByteBuffer.allocateDirect(2);
    assertFails(Code.INVALID, () -> image.read(rig.capacity() - 1, two));
    assertFails(Code.INVALID, () -> image.release(-512, 512));
    snapshot.close();
    snapshot.close();
    assertFails(Code.CLOSED, () -> image.read(0, two));
    Position before = source.info(first).position();
    source.untrack(first);
    assertFails(Code.NOT_TRACKED, () -> source.info(first));
    assertFails(Code.NOT_TRACKED, () -> source.take(List.of(first)));
    source.track(first);
    assertThat(source.info(first).position().trackingId()).isNotEqualTo(before.trackingId());
  }

  private static void assertFails(Code code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(SourceException.class, e -> assertThat(e.code()).isEqualTo(code));
  }
}
