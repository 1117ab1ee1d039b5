package io.blkcast.replicator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.blkcast.client.Position;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.testkit.NeedsTool;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A block device as target: in CI, and where else this may make one, as root with loop devices. */
@NeedsTool({"losetup", "mkfs.ext4", "mount"})
class TargetIT {

  private Path device;
  private Path mountPoint;

  @BeforeEach
  void makeDevice(@TempDir Path dir) throws Exception {
    Path image = dir.resolve("image");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(16 << 20);
    }
    mountPoint = Files.createDirectory(dir.resolve("mounted"));
    Result made = run("losetup", "--find", "--show", image.toString());
    if (System.getenv("CI") == null) {
      assumeTrue(made.status() == 0, "loop devices are for root: " + made.output());
    }
    assertMade(made);
    device = Path.of(made.output());
    assertMade(run("mkfs.ext4", "-q", device.toString()));
  }

  @AfterEach
  void removeDevice() throws Exception {
    if (device != null) {
      run("umount", mountPoint.toString());
      run("losetup", "--detach", device.toString());
    }
  }

  private record Result(int status, String output) {}

  private static Result run(String... command) throws InterruptedException {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      byte[] output = process.getInputStream().readAllBytes();
      return new Result(process.waitFor(), new String(output, StandardCharsets.UTF_8).strip());
    } catch (IOException e) {
      return new Result(127, e.toString());
    }
  }

  private static void assertMade(Result result) {
    assertThat(result.status()).as(result.output()).isZero();
  }

  private Result mount() throws InterruptedException {
    return run("mount", "-t", "ext4", device.toString(), mountPoint.toString());
  }

  @Test
  void mountAndReplicatorShutEachOtherOut() throws Exception {
    assertMade(mount());
    assertThatThrownBy(() -> Target.open(device))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("mounted");
    assertThat(run("umount", mountPoint.toString()).status()).isZero();

    try (Target target = Target.open(device)) {
      assertThat(target.size()).isEqualTo(16 << 20);
      assertThat(mount().status()).as("status of mount").isNotZero();
    }
    assertThat(mount().status()).as("status of mount afterwards").isZero();
  }

  @Test
  void unfinishedIncrementIsFinishedOnTheVeryDeviceAlone(@TempDir Path dir) throws Exception {
    Path state = dir.resolve("state.json");
    IncrementCommitted baseline = Manifests.of(IncrementKind.BASELINE, 8 << 20);
    try (ReplicaSink sink = ReplicaSink.open(device, state, "vol", true)) {
      sink.begin(baseline);
      sink.data(0, ByteBuffer.wrap(new byte[4096]));
    }
    try (ReplicaSink sink = ReplicaSink.open(device, state, "vol", false)) {
      assertThat(sink.state().applying()).contains(Position.of(baseline));
    }
    // Another disk under the same name, of the same size.
    Path other = dir.resolve("other");
    try (RandomAccessFile file = new RandomAccessFile(other.toFile(), "rw")) {
      file.setLength(16 << 20);
    }
    assertMade(run("losetup", "--detach", device.toString()));
    assertMade(run("losetup", device.toString(), other.toString()));
    assertThatThrownBy(() -> ReplicaSink.open(device, state, "vol", false))
        .hasMessageContaining("is not the device to which increment");
  }
}
