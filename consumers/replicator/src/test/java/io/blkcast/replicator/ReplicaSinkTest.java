package io.blkcast.replicator;

import static io.blkcast.client.IncrementException.Code.REFUSED;
import static io.blkcast.client.IncrementException.Code.SINK;
import static io.blkcast.schema.IncrementKind.BASELINE;
import static io.blkcast.schema.IncrementKind.DELTA;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.client.IncrementException;
import io.blkcast.client.Position;
import io.blkcast.schema.IncrementCommitted;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReplicaSinkTest {

  private static final int CAPACITY = 1 << 20;

  private Path dir;
  private Path image;
  private Path state;

  @BeforeEach
  void name(@TempDir Path dir) {
    this.dir = dir;
    image = dir.resolve("replica.img");
    state = ReplicaState.defaultFile(image);
  }

  private ReplicaSink open() throws IncrementException {
    return ReplicaSink.open(image, state, "vol", false);
  }

  private static byte[] noise(int seed) {
    byte[] bytes = new byte[CAPACITY];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private static IncrementCommitted apply(ReplicaSink sink, byte[] content)
      throws IncrementException {
    IncrementCommitted manifest = Manifests.of(BASELINE, content.length);
    sink.begin(manifest);
    sink.data(0, ByteBuffer.wrap(content));
    sink.commit(manifest);
    return manifest;
  }

  @Test
  void replicaAndStateAreForTheirOwnerAloneAndGivenFilesKeepTheirMode() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
    }
    assertThat(mode(image)).isEqualTo("rw-------");
    assertThat(mode(state)).isEqualTo("rw-------");
    Files.setPosixFilePermissions(image, PosixFilePermissions.fromString("rw-r--r--"));
    try (ReplicaSink sink = open()) {
      apply(sink, noise(2));
    }
    assertThat(mode(image)).isEqualTo("rw-r--r--");
  }

  @Test
  void stateThatOthersCouldHaveWrittenIsRefusedBeforeTheTargetIsTouched() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
    }
    byte[] content = Files.readAllBytes(image);
    Path real = Files.move(state, dir.resolve("elsewhere.json"));
    Files.createSymbolicLink(state, real);
    assertRefused("symbolic link");
    Files.delete(state);
    Files.move(real, state);
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rw-rw-rw-"));
    assertRefused("written by others");
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rw-------"));
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertRefused("exchanged by other users");
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwx------"));
    assertThat(image).hasBinaryContent(content);
    open().close();
  }

  private void assertRefused(String why) {
    assertThatThrownBy(this::open).isInstanceOf(IncrementException.class).hasMessageContaining(why);
  }

  private static String mode(Path file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }

  private static void assertFails(IncrementException.Code code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  @Test
  void missingImageIsMadeAndSized() throws Exception {
    byte[] content = noise(1);
    IncrementCommitted manifest;
    try (ReplicaSink sink = open()) {
      assertThat(sink.state().applied()).isEmpty();
      manifest = apply(sink, content);
    }
    assertThat(Files.readAllBytes(image)).isEqualTo(content);
    try (ReplicaSink sink = open()) {
      assertThat(sink.state().applied()).contains(Position.of(manifest));
    }
  }

  @Test
  void zeroesBecomeHoles() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
      IncrementCommitted delta = Manifests.of(DELTA, CAPACITY);
      sink.begin(delta);
      sink.zero(CAPACITY / 4, CAPACITY / 2);
      sink.commit(delta);
    }
    byte[] expected = noise(1);
    Arrays.fill(expected, CAPACITY / 4, CAPACITY * 3 / 4, (byte) 0);
    assertThat(Files.readAllBytes(image)).isEqualTo(expected);
    assertThat(Files.size(image)).isEqualTo(CAPACITY);
    assertThat(512L * (Long) Integer.toUnsignedLong(blocks(image))).isLessThan(CAPACITY * 3L / 4);
  }

  /** Blocks of 512 bytes that the file takes on disk. */
  private static int blocks(Path file) throws IOException {
    Process stat = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
    return Integer.parseInt(new String(stat.getInputStream().readAllBytes()).strip());
  }

  @Test
  void baselineOfAnotherSizeResizesTheImage() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
      apply(sink, Arrays.copyOf(noise(2), CAPACITY / 2));
      assertThat(Files.readAllBytes(image)).isEqualTo(Arrays.copyOf(noise(2), CAPACITY / 2));
      apply(sink, noise(3));
    }
    assertThat(Files.readAllBytes(image)).isEqualTo(noise(3));
  }

  @Test
  void interruptedIncrementIsKnownAfterwards() throws Exception {
    IncrementCommitted first;
    IncrementCommitted cut = Manifests.of(DELTA, CAPACITY);
    try (ReplicaSink sink = open()) {
      first = apply(sink, noise(1));
      sink.begin(cut);
      sink.data(0, ByteBuffer.wrap(new byte[100]));
    }
    try (ReplicaSink sink = open()) {
      assertThat(sink.state().applied()).contains(Position.of(first));
      assertThat(sink.state().applying()).contains(Position.of(cut));
    }
  }

  @Test
  void secondReplicatorOfATargetIsRefusedWhateverItsStateFile() throws Exception {
    try (ReplicaSink sink = open()) {
      assertThat(sink.state().applied()).isEmpty();
      Path link = Files.createSymbolicLink(dir.resolve("link.img"), image);
      assertFails(SINK, () -> ReplicaSink.open(link, dir.resolve("other.json"), "vol", true));
    }
    open().close();
  }

  @Test
  void foreignDataIsNotOverwrittenUnlessAsked() throws Exception {
    Files.write(image, noise(9));
    assertFails(REFUSED, this::open);
    assertThat(Files.readAllBytes(image)).isEqualTo(noise(9));
    try (ReplicaSink sink = ReplicaSink.open(image, state, "vol", true)) {
      apply(sink, noise(1));
    }
    assertThat(Files.readAllBytes(image)).isEqualTo(noise(1));
  }

  @Test
  void replicaOfAnotherVolumeIsRefused() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
    }
    assertFails(REFUSED, () -> ReplicaSink.open(image, state, "other", false));
  }

  @Test
  void replicaThatOthersWroteToIsRefused() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
    }
    byte[] changed = noise(1);
    changed[10] ^= 1;
    Files.write(image, changed);
    assertFails(REFUSED, this::open);
    Files.write(image, Arrays.copyOf(noise(1), CAPACITY / 2));
    assertFails(REFUSED, this::open);
  }

  @Test
  void replicaThatWasDeletedBeginsAnew() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
    }
    Files.delete(image);
    try (ReplicaSink sink = open()) {
      assertThat(sink.state().applied()).isEmpty();
    }
  }

  @Test
  void damagedStateIsToldApart() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
    }
    Files.writeString(state, "{ \"format\": 1, ");
    assertThatThrownBy(this::open).hasMessageContaining("damaged");
    Files.writeString(state, "{ \"format\": 99, \"volume\": \"vol\" }");
    assertThatThrownBy(this::open).hasMessageContaining("format 99");
  }

  /** A DELTA that writes the content of one sector, and of the first of the volume. */
  private static IncrementCommitted beginDelta(ReplicaSink sink, byte[] sector) throws Exception {
    IncrementCommitted delta = Manifests.of(DELTA, CAPACITY);
    sink.check(delta);
    sink.expect(delta, CAPACITY / 2, sector.length, ByteBuffer.wrap(sector));
    sink.expect(delta, 0, sector.length, ByteBuffer.wrap(sector));
    sink.begin(delta);
    return delta;
  }

  /** Leaves a DELTA unfinished, of which one of two chunks was written. */
  private IncrementCommitted leaveUnfinished() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
      IncrementCommitted delta = beginDelta(sink, Arrays.copyOf(noise(4), 4096));
      sink.data(0, ByteBuffer.wrap(noise(4), 0, 4096));
      return delta;
    }
  }

  private void assertRefusedAndLeftAlone(String reason) throws Exception {
    byte[] before = Files.readAllBytes(image);
    assertThatThrownBy(this::open)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(REFUSED))
        .hasMessageContaining(reason)
        .hasMessageContaining("--overwrite");
    assertThat(Files.readAllBytes(image)).isEqualTo(before);
  }

  @Test
  void unfinishedIncrementIsFinishedOnTheVeryFileAlone() throws Exception {
    IncrementCommitted cut = leaveUnfinished();
    open().close();
    Path copy = dir.resolve("copy.img");
    Files.copy(image, copy);
    Files.move(copy, image, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    assertRefusedAndLeftAlone("is not the file to which increment " + cut.getIncrementId());
    ReplicaSink.open(image, state, "vol", true).close();
  }

  @Test
  void unfinishedIncrementFollowsAMoveOfTheFile() throws Exception {
    IncrementCommitted cut = leaveUnfinished();
    Path moved = dir.resolve("moved.img");
    Files.move(image, moved);
    Path movedState = Files.move(state, ReplicaState.defaultFile(moved));
    try (ReplicaSink sink = ReplicaSink.open(moved, movedState, "vol", false)) {
      assertThat(sink.state().applying()).contains(Position.of(cut));
    }
  }

  @Test
  void otherContentInTheFileOfAnUnfinishedIncrementIsRefused() throws Exception {
    leaveUnfinished();
    Files.write(image, noise(7));
    assertRefusedAndLeftAlone("written to by others");
    Files.write(image, Arrays.copyOf(noise(1), CAPACITY - 1));
    assertRefusedAndLeftAlone("has 1048575 bytes");
    Files.write(image, Arrays.copyOf(noise(1), CAPACITY + 1));
    assertRefusedAndLeftAlone("has 1048577 bytes");
  }

  @Test
  void olderCopyRestoredIntoTheFileIsRefusedThoughItDiffersInOneSector() throws Exception {
    IncrementCommitted delta;
    byte[] changed = new byte[4096];
    byte[] unchanged = noise(1);
    System.arraycopy(unchanged, 300_000 / 512 * 512, changed, 0, changed.length);
    changed[1000] ^= 1;
    try (ReplicaSink sink = open()) {
      apply(sink, unchanged);
      delta = Manifests.of(DELTA, CAPACITY);
      sink.check(delta);
      sink.expect(delta, 300_000 / 512 * 512, changed.length, ByteBuffer.wrap(changed));
      sink.begin(delta);
      sink.data(300_000 / 512 * 512, ByteBuffer.wrap(changed));
      sink.commit(delta);
    }
    byte[] applied = Files.readAllBytes(image);
    Files.write(image, unchanged);
    assertRefusedAndLeftAlone("written to by others");
    Files.write(image, applied);
    try (ReplicaSink sink = open()) {
      assertThat(sink.state().applied()).contains(Position.of(delta));
    }
  }

  @Test
  void firstBaselineCutShortIsTakenUpAgainOnItsFileAlone() throws Exception {
    IncrementCommitted baseline = Manifests.of(BASELINE, CAPACITY);
    try (ReplicaSink sink = open()) {
      sink.begin(baseline);
      sink.data(0, ByteBuffer.wrap(noise(1), 0, CAPACITY / 2));
    }
    try (ReplicaSink sink = open()) {
      assertThat(sink.state().applying()).contains(Position.of(baseline));
    }
    Files.delete(image);
    Files.write(image, noise(1));
    assertRefusedAndLeftAlone("is not the file to which increment");
  }

  @Test
  void replicaThatWasAppliedWhollyMayBeCopiedElsewhereWithItsState() throws Exception {
    IncrementCommitted applied;
    try (ReplicaSink sink = open()) {
      applied = apply(sink, noise(1));
    }
    Path copy = Files.copy(image, dir.resolve("copy.img"));
    Path copiedState = Files.copy(state, ReplicaState.defaultFile(copy));
    try (ReplicaSink sink = ReplicaSink.open(copy, copiedState, "vol", false)) {
      assertThat(sink.state().applied()).contains(Position.of(applied));
    }
    // What holds next to nothing looks like many others.
    try (ReplicaSink sink = ReplicaSink.open(copy, copiedState, "vol", false)) {
      apply(sink, new byte[CAPACITY]);
    }
    Files.delete(copy);
    Files.write(copy, new byte[CAPACITY]);
    assertThatThrownBy(() -> ReplicaSink.open(copy, copiedState, "vol", false))
        .hasMessageContaining("is another file than the replica was");
  }

  @Test
  void stateOfTheFirstFormatIsUpgradedWhereItIsProvedAndRefusedWhereNot() throws Exception {
    IncrementCommitted applied;
    try (ReplicaSink sink = open()) {
      applied = apply(sink, noise(1));
    }
    String position =
        "{\"volume\":\"vol\",\"incrementId\":\"%s\",\"chainLength\":1,\"chainDigest\":\"%s\",\"capacityBytes\":%d}"
            .formatted(applied.getIncrementId(), "0".repeat(64), CAPACITY);
    String fingerprint;
    try (Target target = Target.open(image)) {
      fingerprint = Fingerprint.of(target, CAPACITY);
    }
    String format1 =
        "{\"format\":1,\"volume\":\"vol\",\"applied\":%s,\"applying\":%s,\"fingerprint\":%s}";
    Files.writeString(state, format1.formatted(position, "null", "\"" + fingerprint + "\""));
    open().close();
    assertThat(ReplicaState.load(state).orElseThrow().format()).isEqualTo(2);
    open().close();

    Files.writeString(state, format1.formatted(position, position, "null"));
    assertRefusedAndLeftAlone("an earlier version");
    Files.writeString(state, format1.formatted("null", position, "null"));
    assertRefusedAndLeftAlone("an earlier version");
  }

  @Test
  void whatHappensToTheTargetOfARunningReplicatorEndsIt() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
      sink.inspect();
      Path aside = Files.move(image, dir.resolve("aside.img"));
      assertChanged(sink, "was removed");
      Files.write(image, noise(1));
      assertChanged(sink, "was removed, or replaced");
      Files.move(aside, image, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      sink.inspect();

      Files.write(image, Arrays.copyOf(noise(1), CAPACITY / 2));
      assertChanged(sink, "was made smaller");
      Files.write(image, Arrays.copyOf(noise(1), CAPACITY * 2));
      assertChanged(sink, "was made larger");
      Files.write(image, noise(1));
      sink.inspect();

      byte[] saved = Files.readAllBytes(state);
      Files.delete(state);
      assertChanged(sink, "state");
      Files.writeString(state, "{}");
      assertChanged(sink, "state");
      Files.write(state, saved);
      sink.inspect();

      Files.write(image, noise(2));
      byte[] other = Files.readAllBytes(image);
      assertThatThrownBy(() -> beginDelta(sink, new byte[512]))
          .hasMessageContaining("written to by others");
      assertThat(Files.readAllBytes(image)).isEqualTo(other);
    }
  }

  @Test
  void targetThatIsExchangedWhileAnIncrementIsAppliedIsNotCalledApplied() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
      IncrementCommitted delta = beginDelta(sink, new byte[512]);
      sink.data(0, ByteBuffer.wrap(new byte[512]));
      Files.move(image, dir.resolve("aside.img"));
      Files.write(image, noise(3));
      assertFails(REFUSED, () -> sink.commit(delta));
      assertThat(Files.readAllBytes(image)).isEqualTo(noise(3));
      assertThat(sink.state().applying()).contains(Position.of(delta));
    }
    assertRefusedAndLeftAlone("is not the file to which");
  }

  private static void assertChanged(ReplicaSink sink, String what) {
    assertThatThrownBy(sink::inspect)
        .isInstanceOfSatisfying(
            IncrementException.class, e -> assertThat(e.code()).isEqualTo(REFUSED))
        .hasMessageContaining(what);
  }

  @Test
  void targetThatNothingCameForIsNotLeftBehind() throws Exception {
    open().close();
    assertThat(image).doesNotExist();
    Files.createFile(image);
    open().close();
    assertThat(image).exists();
  }

  @Test
  void damagedStateIsReplacedWhenAskedAndOthersAreToldApart() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
    }
    for (String damaged : new String[] {"", "null", "[]", "{}", "{\"format\":2}", "\0\0"}) {
      Files.writeString(state, damaged);
      assertThatThrownBy(this::open).as("<%s>", damaged).hasMessageContaining("damaged");
    }
    ReplicaSink.open(image, state, "vol", true).close();
  }

  @Test
  void writesOutOfBoundsAreRefused() throws Exception {
    try (ReplicaSink sink = open()) {
      apply(sink, noise(1));
      IncrementCommitted delta = Manifests.of(DELTA, CAPACITY);
      sink.begin(delta);
      ByteBuffer two = ByteBuffer.allocate(2);
      assertFails(REFUSED, () -> sink.data(CAPACITY - 1, two));
      assertFails(REFUSED, () -> sink.data(-1, two));
      assertFails(REFUSED, () -> sink.zero(Long.MAX_VALUE, 2));
      assertFails(REFUSED, () -> sink.zero(0, CAPACITY + 1L));
    }
    assertThat(Files.readAllBytes(image)).isEqualTo(noise(1));
  }

  @Test
  void directoryIsNoTarget() {
    assertThatThrownBy(() -> ReplicaSink.open(dir, state, "vol", false))
        .hasMessageContaining("is a directory");
  }

  @Test
  void stateOfADeviceIsKeptOutOfDev() {
    assertThat(ReplicaState.defaultFile(Path.of("/dev/mapper/vg-replica")).toString())
        .isEqualTo("/var/lib/blkcast/replicas/mapper-vg-replica.json");
  }
}
