package io.blkcast.cli.quickstart;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A real ext4 on the disk, without root: {@code nbdfuse} shows the NBD export as a file, {@code
 * mkfs.ext4} makes a filesystem in it and {@code fuse2fs} mounts it.
 */
final class Ext4Workload implements Workload {

  static final List<String> PROGRAMS = List.of("nbdfuse", "mkfs.ext4", "fuse2fs");

  private static final Duration MOUNT_TIMEOUT = Duration.ofSeconds(30);
  private static final int FILE_BYTES = 1 << 20;

  private final URI uri;
  private final Path exportDir;
  private final Path export;
  private final Path mount;
  private final Path logs;
  private final Random random = new Random(20260101);
  private @Nullable Process nbdfuse;
  private @Nullable Process fuse2fs;

  /**
   * @param uri of the export
   * @param dir empty directory for mount points and logs
   */
  Ext4Workload(URI uri, Path dir) throws IOException {
    this.uri = uri;
    this.exportDir = Files.createDirectories(dir.resolve("nbd"));
    this.export = exportDir.resolve("disk");
    this.mount = Files.createDirectories(dir.resolve("mnt"));
    this.logs = Files.createDirectories(dir.resolve("logs"));
  }

  /** Whether the kernel lets this user mount with FUSE. */
  static boolean fuseAvailable() {
    return Files.isWritable(Path.of("/dev/fuse"));
  }

  @Override
  public String describe() {
    return "ext4, mounted on " + mount;
  }

  @Override
  public void prepare() throws IOException, InterruptedException {
    Path nbdfuseLog = logs.resolve("nbdfuse.log");
    nbdfuse = Tools.start(nbdfuseLog, "nbdfuse", export.toString(), uri.toString());
    await(nbdfuse, nbdfuseLog, export);
    Tools.runOrFail(120, "mkfs.ext4", "-q", "-F", "-L", "quickstart", export.toString());
    Path fuse2fsLog = logs.resolve("fuse2fs.log");
    fuse2fs =
        Tools.start(
            fuse2fsLog, "fuse2fs", "-f", "-o", "fakeroot", export.toString(), mount.toString());
    await(fuse2fs, fuse2fsLog, mount.resolve("lost+found"));
    for (int i = 0; i < 16; i++) {
      writeFile("photo-" + i + ".raw");
    }
  }

  private static void await(Process process, Path log, Path sign)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + MOUNT_TIMEOUT.toNanos();
    while (!Files.exists(sign)) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        process.destroy();
        throw new IOException("cannot mount: " + Files.readString(log).strip());
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  @Override
  public void change(int round) throws IOException {
    writeFile("photo-" + random.nextInt(16) + ".raw");
    writeFile("report-" + round + ".dat");
    Path letters = Files.createDirectories(mount.resolve("letters-" + round));
    for (int i = 0; i < 50; i++) {
      Files.writeString(letters.resolve("letter-" + i + ".txt"), "Dear reader " + i + ",\n");
    }
    if (round > 1) {
      Files.deleteIfExists(mount.resolve("report-" + (round - 1) + ".dat"));
    }
  }

  private void writeFile(String name) throws IOException {
    byte[] bytes = new byte[FILE_BYTES];
    random.nextBytes(bytes);
    try (FileChannel file =
        FileChannel.open(
            mount.resolve(name),
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer content = ByteBuffer.wrap(bytes);
      while (content.hasRemaining()) {
        file.write(content);
      }
      file.force(true);
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    if (fuse2fs != null) {
      unmount(mount, fuse2fs);
      fuse2fs = null;
    }
    if (nbdfuse != null) {
      unmount(exportDir, nbdfuse);
      nbdfuse = null;
    }
  }

  /** Unmounts, and waits until the program behind it has written everything and ended. */
  private static void unmount(Path dir, Process process) throws IOException, InterruptedException {
    if (process.isAlive()) {
      String tool = Tools.find("fusermount3").isPresent() ? "fusermount3" : "fusermount";
      Tools.run(30, tool, "-u", dir.toString());
    }
    if (!process.waitFor(30, TimeUnit.SECONDS)) {
      process.destroy();
      throw new IOException(dir + " could not be unmounted: something still uses it");
    }
  }
}
