package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.jna.Native;
import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What an exporter meets on a server, with the real module. Needs root and the module: {@link
 * ContractMain} runs it in a VM, Maven does not.
 */
class BlksnapServerContract {

  private static final long CAPACITY = 16 << 20;
  private static final int NOBODY = 65534;

  static {
    Native.register(BlksnapServerContract.class, "c");
  }

  @TempDir Path directory;

  private String loop;
  private BlksnapSource source;

  @BeforeEach
  void device() throws Exception {
    Path image = directory.resolve("image");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(CAPACITY);
    }
    loop = run("losetup", "--partscan", "--find", "--show", image.toString());
  }

  @AfterEach
  void nothing() throws Exception {
    if (source != null) {
      source.untrack("data");
      source.close();
    }
    run("losetup", "--detach", loop);
  }

  private BlksnapSource open(String device) throws SourceException {
    source =
        new BlksnapSource(
            Map.of(
                "data",
                new BlksnapSource.Volume(
                    device,
                    0,
                    new BlksnapDifferenceStorage(
                        Optional.of(directory.toString()),
                        OptionalLong.of(8 << 20),
                        OptionalLong.of(32 << 20)))),
            directory.resolve("state"));
    return source;
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("%s: %s", String.join(" ", command), output).isZero();
    return output.strip();
  }

  /** What a process leaves in the module that is killed while it holds a snapshot of the device. */
  private UUID heldSnapshot(ControlDevice control) throws Exception {
    FilteredDevice device = new FilteredDevice(loop, null);
    UUID id = control.create(directory.toString(), 8 << 20);
    device.addTo(id);
    control.take(id);
    return id;
  }

  @Test
  void the_snapshot_of_a_killed_exporter_is_destroyed_and_that_of_another_program_is_not()
      throws Exception {
    open(loop).track("data");
    source.close();
    UUID killed;
    UUID foreign;
    try (ControlDevice control = new ControlDevice()) {
      killed = heldSnapshot(control);
      foreign = control.create(directory.toString(), 8 << 20);
      assertThat(control.collect()).contains(killed, foreign);
    }
    try (SnapshotJournal own = SnapshotJournal.open(directory.resolve("state"))) {
      own.add(killed);
      own.add(UUID.randomUUID());
    }
    open(loop);
    try (ControlDevice control = new ControlDevice()) {
      assertThat(control.collect()).contains(foreign).doesNotContain(killed);
      control.destroy(foreign);
    }
    source.track("data");
    try (Snapshot snapshot = source.take(List.of("data"))) {
      snapshot.images().get(0).check();
    }
  }

  @Test
  void a_device_in_the_snapshot_of_another_is_busy_and_free_again_when_that_goes()
      throws Exception {
    open(loop).track("data");
    try (ControlDevice control = new ControlDevice()) {
      UUID other = heldSnapshot(control);
      SourceException busy =
          catchThrowableOfType(SourceException.class, () -> source.take(List.of("data")));
      assertThat(busy.code()).isEqualTo(Code.BUSY);
      assertThat(busy).hasMessageContaining("blksnapctl list");
      control.destroy(other);
      assertThat(control.collect()).as("the attempt left nothing behind").isEmpty();
    }
    source.take(List.of("data")).close();
  }

  @Test
  void a_device_that_is_not_there_at_the_start_is_tracked_when_it_comes() throws Exception {
    Path link = directory.resolve("by-id");
    open(link.toString());
    SourceException gone = catchThrowableOfType(SourceException.class, () -> source.track("data"));
    assertThat(gone.code()).isEqualTo(Code.GONE);
    assertThat(gone).hasMessageContaining("/dev/disk/by-id");
    Files.createSymbolicLink(link, Path.of(loop));
    source.track("data");
    source.take(List.of("data")).close();
  }

  @Test
  void what_is_written_to_a_partition_that_was_made_later_is_tracked() throws Exception {
    open(loop).track("data");
    Position base = take();
    run("addpart", loop, "1", "2048", "16384");
    try {
      try (RandomAccessFile partition = new RandomAccessFile(loop + "p1", "rw")) {
        partition.write(new byte[1 << 16]);
        partition.getFD().sync();
      }
      try (Snapshot snapshot = source.take(List.of("data"))) {
        ChangeMap.Since since = snapshot.images().get(0).changeMap().since(base);
        assertThat(since).isInstanceOf(ChangeMap.Changes.class);
        ChangeMap.Cursor cursor = ((ChangeMap.Changes) since).cursor();
        assertThat(cursor.next()).isTrue();
        assertThat(cursor.offset()).isEqualTo(1 << 20);
        assertThat(cursor.length()).isEqualTo(1 << 16);
      }
    } finally {
      run("delpart", loop, "1");
    }
  }

  @Test
  void a_mounted_filesystem_is_frozen_at_the_take_and_only_then_said_to_be() throws Exception {
    run("mkfs.ext4", "-q", loop);
    open(loop).track("data");
    try (Snapshot snapshot = source.take(List.of("data"))) {
      assertThat(snapshot.images().get(0).filesystemFrozen()).as("not mounted").isFalse();
    }
    Path mount = Files.createDirectory(directory.resolve("mount"));
    run("mount", "-t", "ext4", loop, mount.toString());
    try (Snapshot snapshot = source.take(List.of("data"))) {
      assertThat(snapshot.images().get(0).filesystemFrozen()).isTrue();
      Files.writeString(mount.resolve("file"), "it was thawed");
    } finally {
      run("umount", mount.toString());
    }
  }

  @Test
  void a_device_that_has_grown_begins_a_new_history() throws Exception {
    open(loop).track("data");
    UUID before;
    try (Snapshot snapshot = source.take(List.of("data"))) {
      before = snapshot.images().get(0).info().position().trackingId();
    }
    try (RandomAccessFile file = new RandomAccessFile(directory.resolve("image").toFile(), "rw")) {
      file.setLength(2 * CAPACITY);
    }
    run("losetup", "--set-capacity", loop);
    try (Snapshot snapshot = source.take(List.of("data"))) {
      assertThat(snapshot.images().get(0).info().capacityBytes()).isEqualTo(2 * CAPACITY);
      assertThat(snapshot.images().get(0).info().position().trackingId()).isNotEqualTo(before);
    }
  }

  @Test
  void what_is_marked_dirty_counts_as_changed_and_figures_are_those_of_the_device()
      throws Exception {
    open(loop).track("data");
    FilteredDevice device = new FilteredDevice(loop, null);
    Position base = take();
    device.dirty(3 << 16, 1 << 16);
    try (Snapshot snapshot = source.take(List.of("data"))) {
      ChangeMap.Since since = snapshot.images().get(0).changeMap().since(base);
      assertThat(since).isInstanceOf(ChangeMap.Changes.class);
      assertThat(((ChangeMap.Changes) since).bytes()).isEqualTo(1 << 16);
      assertThat(device.figures().copiedBytes()).isZero();
    }
    assertThat(source.description()).contains("blksnap 2.", "release", "epochs", "second");
  }

  private Position take() throws SourceException {
    try (Snapshot snapshot = source.take(List.of("data"))) {
      return snapshot.images().get(0).info().position();
    }
  }

  @Test
  void a_storage_that_ran_full_is_given_twice_the_room_up_to_what_it_may_have() throws Exception {
    open(loop).track("data");
    assertThat(source.moreRoom("data")).hasValue(16 << 20);
    try (Snapshot snapshot = source.take(List.of("data"))) {
      assertThat(snapshot.images().get(0).storage().limitBytes()).isEqualTo(16 << 20);
    }
    assertThat(source.moreRoom("data")).hasValue(32 << 20);
    assertThat(source.moreRoom("data")).isEmpty();
  }

  @Test
  void a_storage_that_is_not_there_or_of_the_device_itself_is_told_with_its_remedy()
      throws Exception {
    open(loop).track("data");
    source.close();
    for (String storage : List.of("/nowhere", loop)) {
      source =
          new BlksnapSource(
              Map.of(
                  "data",
                  new BlksnapSource.Volume(
                      loop,
                      0,
                      new BlksnapDifferenceStorage(
                          Optional.of(storage), OptionalLong.of(1 << 20), OptionalLong.empty()))),
              directory.resolve("state"));
      SourceException refused =
          catchThrowableOfType(SourceException.class, () -> source.take(List.of("data")));
      assertThat(refused.code()).isIn(Code.NO_SPACE, Code.BUSY);
      assertThat(refused).hasMessageMatching("(?s).*(differenceStorage|difference storage).*");
      source.close();
    }
    open(loop);
  }

  @Test
  void without_the_capability_the_module_is_refused_and_the_capability_named() throws Exception {
    Path state = Files.createDirectory(directory.resolve("state"));
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwxrwxrwx"));
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(seteuid(NOBODY)).isZero();
    try {
      SourceException refused =
          catchThrowableOfType(SourceException.class, () -> open(loop).track("data"));
      assertThat(refused.code()).isEqualTo(Code.PERMISSION);
      assertThat(refused).hasMessageContaining("CAP_SYS_ADMIN");
    } finally {
      assertThat(seteuid(0)).isZero();
    }
  }

  @Test
  void a_module_that_was_loaded_anew_begins_a_new_history() throws Exception {
    open(loop).track("data");
    UUID before = take().trackingId();
    source.untrack("data");
    source.close();
    run("rmmod", "blksnap");
    SourceException missing = catchThrowableOfType(SourceException.class, () -> open(loop));
    assertThat(missing.code()).isEqualTo(Code.UNSUPPORTED);
    assertThat(missing).hasMessageContaining("modprobe blksnap");
    run("modprobe", "blksnap");
    open(loop).track("data");
    assertThat(take().trackingId()).isNotEqualTo(before);
  }

  private static native int seteuid(int uid);
}
