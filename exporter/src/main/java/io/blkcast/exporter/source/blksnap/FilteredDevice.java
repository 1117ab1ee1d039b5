package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.TrackingInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A block device as its filter sees it. The device is opened for each call and closed again: an
 * open descriptor would keep a removed device alive.
 */
final class FilteredDevice {

  /** Which of the interface's two sets of ioctl numbers the kernel knows. */
  enum Generation {
    FIRST,
    SECOND
  }

  /** What CBTEPOCH says beyond the position. */
  record Epochs(UUID trackingId, long epoch, long mapEpoch, long oldestBase) {}

  /**
   * What SNAPSHOTINFO says: the errno, positive, that corrupted the image or 0; its path or empty.
   */
  record SnapshotInfo(int error, String imagePath) {}

  /** Figures of the device: bytes copied aside for the current snapshot, and released from it. */
  record Figures(long copiedBytes, long releasedBytes) {}

  private final String path;

  /** Null until the kernel was asked, which needs the device. */
  private volatile @Nullable Generation generation;

  /** Device number when the node was last seen: the node of a removed device is gone. */
  private volatile long number;

  /**
   * The device need not be there yet.
   *
   * @param generation null to find out
   */
  FilteredDevice(String path, @Nullable Generation generation) {
    this.path = path;
    this.generation = generation;
    number();
  }

  String path() {
    return path;
  }

  /** Device number, major and minor, as {@link #makedev} makes it; as it was when last seen. */
  long number() {
    try {
      number = ((Number) Files.getAttribute(Path.of(path), "unix:rdev")).longValue();
    } catch (IOException e) {
      // The node is gone: the last number stands.
    }
    return number;
  }

  /** As the C library's macro, {@code sys/sysmacros.h}. */
  static long makedev(int major, int minor) {
    return ((major & 0xfffL) << 8)
        | ((major & 0xfffff000L) << 32)
        | (minor & 0xffL)
        | ((minor & 0xffffff00L) << 12);
  }

  /** As the C library's macro. */
  static int major(long number) {
    return (int) (((number >>> 8) & 0xfff) | ((number >>> 32) & 0xfffff000L));
  }

  /** As the C library's macro. */
  static int minor(long number) {
    return (int) ((number & 0xff) | ((number >>> 12) & 0xffffff00L));
  }

  /**
   * Which numbers the kernel knows, found out at the first use: one that does not know the second
   * generation's control number answers ENOTTY, one that does complains of a missing filter or
   * answers.
   */
  Generation generation() throws ErrnoException {
    Generation known = generation;
    if (known != null) {
      return known;
    }
    Generation found = Generation.SECOND;
    try {
      control(Generation.SECOND, Abi.CBTINFO, Abi.argument(Abi.CBTINFO_SIZE));
    } catch (ErrnoException e) {
      if (e.errno() == ErrnoException.ENOTTY) {
        found = Generation.FIRST;
      } else if (e.errno() != ErrnoException.ENOENT && e.errno() != ErrnoException.EINVAL) {
        throw e;
      }
    }
    generation = found;
    return found;
  }

  /** As {@link #generation}, without asking. */
  Optional<Generation> knownGeneration() {
    return Optional.ofNullable(generation);
  }

  /**
   * Attaches the filter; EALREADY where it is attached, EBUSY where another is.
   *
   * @param wholeDisk whether to cover what is written to the disk's partitions as well, those made
   *     later too; only where the module can, and not of a partition
   */
  void attach(boolean wholeDisk) throws ErrnoException {
    if (generation() == Generation.FIRST) {
      onDevice(Abi.BLKFILTER_ATTACH_V1, Abi.named(Abi.BLKFILTER_NAME_LENGTH), "attach to");
      return;
    }
    ByteBuffer attach = Abi.named(Abi.ATTACH_SIZE);
    ByteBuffer options = Abi.argument(Abi.ATTACH_OPTIONS_SIZE).putInt(0, Abi.ATTACH_WHOLE_DISK);
    if (wholeDisk) {
      attach.putLong(Abi.ATTACH_OPT, Libc.address(options));
      attach.putInt(Abi.ATTACH_OPTLEN, options.capacity());
    }
    onDevice(Abi.BLKFILTER_ATTACH, attach, "attach to");
    java.lang.ref.Reference.reachabilityFence(options);
  }

  void detach() throws ErrnoException {
    onDevice(
        generation() == Generation.SECOND ? Abi.BLKFILTER_DETACH : Abi.BLKFILTER_DETACH_V1,
        Abi.named(Abi.BLKFILTER_NAME_LENGTH),
        "detach from");
  }

  /**
   * State of tracking as of the last take.
   *
   * @param epochs whether the module counts epochs; without them the generation is all that tells
   *     whether history was lost
   */
  TrackingInfo info(boolean epochs) throws ErrnoException {
    ByteBuffer info = Abi.argument(Abi.CBTINFO_SIZE);
    control(Abi.CBTINFO, info);
    UUID generationId = Abi.uuid(info, Abi.CBTINFO_GENERATION);
    UUID trackingId = generationId;
    OptionalLong epoch = OptionalLong.empty();
    if (epochs) {
      Epochs e = epochs();
      trackingId = e.trackingId();
      epoch = OptionalLong.of(e.epoch());
    }
    return new TrackingInfo(
        info.getLong(0),
        info.getInt(Abi.CBTINFO_BLOCK_SIZE),
        new TrackingInfo.Position(
            trackingId,
            generationId,
            Byte.toUnsignedInt(info.get(Abi.CBTINFO_CHANGES_NUMBER)),
            epoch));
  }

  Epochs epochs() throws ErrnoException {
    ByteBuffer epoch = Abi.argument(Abi.CBTEPOCH_SIZE);
    control(Abi.CBTEPOCH, epoch);
    return new Epochs(
        Abi.uuid(epoch, 0),
        epoch.getLong(Abi.CBTEPOCH_EPOCH),
        epoch.getLong(Abi.CBTEPOCH_MAP_EPOCH),
        epoch.getLong(Abi.CBTEPOCH_OLDEST_BASE));
  }

  /** Reads the whole readable map, one byte per tracking block. */
  ByteBuffer map(int blockCount) throws ErrnoException {
    ByteBuffer map = ByteBuffer.allocateDirect(blockCount);
    ByteBuffer part = Abi.argument(Abi.CBTMAP_SIZE);
    for (int done = 0; done < blockCount; ) {
      part.putInt(0, done).putInt(Abi.CBTMAP_LENGTH, blockCount - done);
      part.putLong(Abi.CBTMAP_BUFFER, Libc.address(map) + done);
      int read = control(Abi.CBTMAP, part);
      if (read <= 0) {
        throw new ErrnoException("read of the change map of " + path, ErrnoException.EIO);
      }
      done += read;
    }
    return map;
  }

  void addTo(UUID snapshot) throws ErrnoException {
    ByteBuffer id = Abi.argument(Abi.UUID_SIZE);
    Abi.putUuid(id, 0, snapshot);
    control(Abi.SNAPSHOTADD, id);
  }

  SnapshotInfo snapshotInfo() throws ErrnoException {
    ByteBuffer info = Abi.argument(Abi.SNAPSHOTINFO_SIZE);
    control(Abi.SNAPSHOTINFO, info);
    String image = Abi.string(info, Abi.SNAPSHOTINFO_IMAGE, Abi.IMAGE_NAME_LENGTH);
    return new SnapshotInfo(-info.getInt(0), image.isEmpty() ? "" : "/dev/" + image);
  }

  /** Makes a discard on the image release the range. */
  void enableRelease() throws ErrnoException {
    control(Abi.RELEASE, Abi.argument(Abi.RELEASE_SIZE).putInt(0, 1));
  }

  /** Sets from how many changed bytes on an event is raised, once per take; 0 for never. */
  void threshold(long changedBytes) throws ErrnoException {
    control(Abi.THRESHOLD, Abi.argument(Abi.THRESHOLD_SIZE).putLong(0, changedBytes));
  }

  /** Counts a range as changed. Bytes, multiples of 512. */
  void dirty(long offset, long length) throws ErrnoException {
    ByteBuffer range = Abi.argument(Abi.RANGE_SIZE);
    range.putLong(0, offset / Abi.SECTOR).putLong(8, length / Abi.SECTOR);
    ByteBuffer dirty = Abi.argument(Abi.CBTDIRTY_SIZE).putInt(0, 1);
    control(Abi.CBTDIRTY, dirty.putLong(Abi.CBTDIRTY_RANGES, Libc.address(range)));
    java.lang.ref.Reference.reachabilityFence(range);
  }

  /** Only where the module has them, by its features. */
  Figures figures() throws ErrnoException {
    ByteBuffer stat = Abi.argument(Abi.DEVICE_STAT_SIZE);
    control(Abi.STAT, stat);
    return new Figures(
        stat.getLong(Abi.DEVICE_STAT_COPIED), stat.getLong(Abi.DEVICE_STAT_RELEASED));
  }

  private int control(int command, ByteBuffer argument) throws ErrnoException {
    return control(generation(), command, argument);
  }

  private int control(Generation known, int command, ByteBuffer argument) throws ErrnoException {
    ByteBuffer ctl = Abi.named(Abi.CTL_SIZE);
    ctl.putInt(Abi.CTL_CMD, command).putInt(Abi.CTL_OPTLEN, argument.capacity());
    ctl.putLong(Abi.CTL_OPT, Libc.address(argument));
    int result =
        onDevice(
            known == Generation.SECOND ? Abi.BLKFILTER_CTL : Abi.BLKFILTER_CTL_V1,
            ctl,
            "blksnap command " + command + " on");
    java.lang.ref.Reference.reachabilityFence(argument);
    return result;
  }

  private int onDevice(int request, ByteBuffer argument, String purpose) throws ErrnoException {
    int fd;
    try {
      fd = Libc.open(path, Libc.O_RDONLY, "open");
    } catch (ErrnoException e) {
      // To those above, ENOENT means that there is no filter: this is no device.
      throw e.errno() == ErrnoException.ENOENT
          ? new ErrnoException("open " + path, ErrnoException.ENODEV)
          : e;
    }
    try {
      return Libc.ioctl(fd, request, argument, purpose + " " + path);
    } finally {
      Libc.closeQuietly(fd);
    }
  }
}
