package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.ChangeSourceContract;
import io.blkcast.exporter.source.SourceRig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;

/** Tracked disks keep the contract of sources. */
class DiskSourceTest extends ChangeSourceContract {

  @TempDir Path directory;
  private int rigs;

  @Override
  protected SourceRig rig(long storageLimit) throws IOException {
    return new DiskRig(directory.resolve("rig" + rigs++), storageLimit);
  }

  private static final class DiskRig implements SourceRig {

    private static final long CAPACITY = (4 << 20) + 3 * 512;

    private final Path directory;
    private final long storageLimit;
    private List<TrackedDisk> disks = List.of();
    private DiskSource source;

    DiskRig(Path directory, long storageLimit) throws IOException {
      this.directory = Files.createDirectory(directory);
      this.storageLimit = storageLimit;
      start();
    }

    private void start() throws IOException {
      List<TrackedDisk> opened = new ArrayList<>();
      for (String volume : volumes()) {
        opened.add(
            TrackedDisk.open(
                DiskOptions.of(volume, directory.resolve(volume + ".img"), CAPACITY)
                    .withUnits(4096, 4096)
                    .withStorage(directory.resolve(volume + ".diff"), storageLimit)));
      }
      disks = opened;
      source = new DiskSource(disks);
    }

    @Override
    public ChangeSource source() {
      return source;
    }

    @Override
    public List<String> volumes() {
      return List.of("first", "second");
    }

    @Override
    public long capacity() {
      return CAPACITY;
    }

    @Override
    public void write(String volume, long offset, byte[] data) throws IOException {
      disk(volume).write(offset, ByteBuffer.allocateDirect(data.length).put(data).flip());
    }

    @Override
    public void trim(String volume, long offset, long length) throws IOException {
      disk(volume).trim(offset, length);
    }

    @Override
    public byte[] read(String volume, long offset, int length) throws IOException {
      ByteBuffer data = ByteBuffer.allocateDirect(length);
      disk(volume).read(offset, data);
      byte[] bytes = new byte[length];
      data.flip().get(bytes);
      return bytes;
    }

    @Override
    public void restart() throws IOException {
      source.close();
      start();
    }

    @Override
    public void close() {
      source.close();
    }

    private TrackedDisk disk(String volume) {
      return disks.get(volumes().indexOf(volume));
    }
  }
}
