package io.blkcast.exporter.source.blksnap;

import com.sun.jna.Native;
import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.ChangeSourceContract;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceRig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * The kernel module under the contract of every source, on loop devices. Needs root and the module,
 * and so a machine of its own: {@code make -C kmod e2e} runs it in a VM, Maven does not.
 */
class BlksnapSourceContract extends ChangeSourceContract {

  @Override
  protected SourceRig rig(long storageLimit) throws Exception {
    return new LoopRig(storageLimit, false);
  }

  static final class LoopRig implements SourceRig {

    private static final long CAPACITY = (4 << 20) + 3 * 512;
    private static final int ALIGNMENT = 4096;

    static {
      Native.register(LoopRig.class, "c");
    }

    private final Path directory = Files.createTempDirectory("blksnap-contract");
    private final Map<String, String> devices = new LinkedHashMap<>();
    private final Map<String, Integer> descriptors = new LinkedHashMap<>();
    private final long storageLimit;
    private final boolean plain;
    private BlksnapSource source;

    LoopRig(long storageLimit, boolean plain)
        throws IOException, InterruptedException, SourceException {
      this.storageLimit = storageLimit;
      this.plain = plain;
      for (String volume : List.of("first", "second")) {
        Path image = directory.resolve(volume);
        try (FileChannel file =
            FileChannel.open(image, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
          file.write(ByteBuffer.allocate(1), CAPACITY - 1);
        }
        String device = run("losetup", "--find", "--show", image.toString());
        devices.put(volume, device);
        // Past the page cache: what is written is what the module sees, no more and no later. Not
        // by
        // a FileChannel, which insists on pages where sectors will do.
        descriptors.put(volume, Libc.open(device, Libc.O_RDWR | Libc.O_DIRECT, "open"));
      }
      start();
    }

    private void start() throws SourceException {
      Map<String, BlksnapSource.Volume> volumes = new LinkedHashMap<>();
      devices.forEach(
          (volume, device) ->
              volumes.put(
                  volume,
                  new BlksnapSource.Volume(
                      device,
                      0,
                      new BlksnapDifferenceStorage(
                          Optional.of(directory.toString()),
                          OptionalLong.of(storageLimit),
                          OptionalLong.empty()))));
      source = new BlksnapSource(volumes, directory.resolve("state"), plain);
    }

    @Override
    public ChangeSource source() {
      return source;
    }

    @Override
    public boolean extended() {
      return !plain;
    }

    @Override
    public List<String> volumes() {
      return List.copyOf(devices.keySet());
    }

    @Override
    public long capacity() {
      return CAPACITY;
    }

    @Override
    public void write(String volume, long offset, byte[] data) throws IOException {
      ByteBuffer buffer = aligned(data.length).put(0, data);
      long written = pwrite(descriptor(volume), Libc.address(buffer), data.length, offset);
      if (written != data.length) {
        throw new ErrnoException("write to " + volume, Native.getLastError());
      }
    }

    @Override
    public void trim(String volume, long offset, long length) throws IOException {
      Libc.ioctl(
          descriptor(volume),
          Abi.BLKDISCARD,
          Abi.argument(16).putLong(0, offset).putLong(8, length),
          "discard");
    }

    @Override
    public byte[] read(String volume, long offset, int length) throws IOException {
      ByteBuffer data = aligned(length).limit(length);
      for (int done = 0; done < length; ) {
        int read = Libc.preadv(descriptor(volume), List.of(data), done, offset + done, "read");
        if (read == 0) {
          throw new IOException(volume + " ends at " + (offset + done));
        }
        done += read;
      }
      byte[] bytes = new byte[length];
      data.get(0, bytes);
      return bytes;
    }

    @Override
    public void restart() throws SourceException {
      source.close();
      start();
    }

    @Override
    public void close() throws Exception {
      source.close();
      // Tracking outlives a source; the devices of this rig do not.
      start();
      for (String volume : devices.keySet()) {
        try {
          source.untrack(volume);
        } catch (SourceException e) {
          if (e.code() != SourceException.Code.NOT_TRACKED) {
            throw e;
          }
        }
      }
      source.close();
      for (Map.Entry<String, String> device : devices.entrySet()) {
        Libc.closeQuietly(descriptor(device.getKey()));
        run("losetup", "--detach", device.getValue());
        Files.delete(directory.resolve(device.getKey()));
      }
      Path state = directory.resolve("state");
      try (Stream<Path> files = Files.list(state)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(state);
      Files.delete(directory);
    }

    private int descriptor(String volume) {
      return descriptors.get(volume);
    }

    /** A buffer of that capacity at least: an aligned slice ends at a multiple too. */
    private static ByteBuffer aligned(int length) {
      return ByteBuffer.allocateDirect(length + 2 * ALIGNMENT).alignedSlice(ALIGNMENT);
    }

    private static native long pwrite(int fd, long buffer, long count, long offset);

    private static String run(String... command) throws IOException, InterruptedException {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new IOException(String.join(" ", command) + ": " + output);
      }
      return output.trim();
    }
  }
}
