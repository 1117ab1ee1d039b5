package io.blkcast.exporter.source.blksnap;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** The module's control device. Thread-safe: every call is one ioctl of its own. */
final class ControlDevice implements AutoCloseable {

  /** Version of the interface. */
  record Version(int major, int minor, int revision, int build) {
    @Override
    public String toString() {
      return major + "." + minor + "." + revision + "." + build;
    }
  }

  /** Use of a difference storage, bytes; {@code error} is a positive errno or 0. */
  record Usage(long limitBytes, long allocatedBytes, long usedBytes, int error) {}

  /** An event as it comes; {@code data} is positioned at its struct. */
  record Event(int code, Instant at, ByteBuffer data) {}

  /** Stands for the events of all devices where a snapshot's id is asked for. */
  static final UUID DEVICES = new UUID(0, 0);

  private final int fd;

  ControlDevice() throws ErrnoException {
    fd = Libc.open(Abi.CONTROL_DEVICE, Libc.O_RDWR, "open");
  }

  Version version() throws ErrnoException {
    ByteBuffer version = Abi.argument(Abi.VERSION_SIZE);
    Libc.ioctl(fd, Abi.VERSION, version, "ask blksnap for its version");
    return new Version(
        version.getShort(0), version.getShort(2), version.getShort(4), version.getShort(6));
  }

  /**
   * Bits of what the module can do beyond the plain interface; 0 where it does not know the
   * question.
   */
  long features() throws ErrnoException {
    ByteBuffer features = Abi.argument(Abi.FEATURES_SIZE);
    try {
      Libc.ioctl(fd, Abi.FEATURES, features, "ask blksnap for its features");
    } catch (ErrnoException e) {
      if (e.errno() == ErrnoException.ENOTTY) {
        return 0;
      }
      throw e;
    }
    return features.getLong(0);
  }

  /**
   * Makes an empty snapshot.
   *
   * @param storage path of a directory, a regular file or a block device
   * @param limitBytes most the storage may take
   */
  UUID create(String storage, long limitBytes) throws ErrnoException {
    byte[] path = storage.getBytes(StandardCharsets.UTF_8);
    ByteBuffer filename = Abi.argument(path.length + 1).put(0, path);
    ByteBuffer create = Abi.argument(Abi.CREATE_SIZE);
    create.putLong(0, limitBytes / Abi.SECTOR).putLong(Abi.CREATE_FILENAME, Libc.address(filename));
    Libc.ioctl(fd, Abi.SNAPSHOT_CREATE, create, "create a snapshot with storage " + storage);
    java.lang.ref.Reference.reachabilityFence(filename);
    return Abi.uuid(create, Abi.CREATE_ID);
  }

  void take(UUID snapshot) throws ErrnoException {
    withId(Abi.SNAPSHOT_TAKE, snapshot, "take snapshot ");
  }

  void destroy(UUID snapshot) throws ErrnoException {
    withId(Abi.SNAPSHOT_DESTROY, snapshot, "destroy snapshot ");
  }

  /**
   * Makes this descriptor collect the events of all devices, to be waited for with {@link
   * #DEVICES}.
   */
  void subscribeToDevices() throws ErrnoException {
    withId(Abi.SUBSCRIBE, DEVICES, "subscribe to the events of devices ");
  }

  /** All snapshots that the module holds, whoever made them. */
  List<UUID> collect() throws ErrnoException {
    for (int room = 16; ; ) {
      ByteBuffer ids = Abi.argument(room * Abi.UUID_SIZE);
      ByteBuffer collect = Abi.argument(Abi.COLLECT_SIZE);
      collect.putInt(0, room).putLong(Abi.COLLECT_IDS, Libc.address(ids));
      try {
        Libc.ioctl(fd, Abi.SNAPSHOT_COLLECT, collect, "list the snapshots");
      } catch (ErrnoException e) {
        if (e.errno() != ErrnoException.ENODATA) {
          throw e;
        }
        room = Math.max(2 * room, collect.getInt(0));
        continue;
      }
      java.lang.ref.Reference.reachabilityFence(ids);
      List<UUID> snapshots = new ArrayList<>();
      for (int i = 0; i < Math.min(room, collect.getInt(0)); i++) {
        snapshots.add(Abi.uuid(ids, i * Abi.UUID_SIZE));
      }
      return snapshots;
    }
  }

  Usage usage(UUID snapshot) throws ErrnoException {
    ByteBuffer stat = Abi.argument(Abi.STAT_SIZE);
    Abi.putUuid(stat, 0, snapshot);
    Libc.ioctl(fd, Abi.SNAPSHOT_STAT, stat, "ask for the figures of snapshot " + snapshot);
    return new Usage(
        stat.getLong(Abi.STAT_LIMIT_SECT) * Abi.SECTOR,
        stat.getLong(Abi.STAT_ALLOCATED_SECT) * Abi.SECTOR,
        stat.getLong(Abi.STAT_USED_SECT) * Abi.SECTOR,
        -stat.getInt(Abi.STAT_ERROR_CODE));
  }

  /** Sets the use of storage, in bytes, from which on an event is raised. */
  void watermark(UUID snapshot, long usedBytes) throws ErrnoException {
    ByteBuffer watermark = Abi.argument(Abi.WATERMARK_SIZE);
    Abi.putUuid(watermark, 0, snapshot);
    watermark.putLong(Abi.WATERMARK_USED_SECT, usedBytes / Abi.SECTOR);
    Libc.ioctl(fd, Abi.SNAPSHOT_WATERMARK, watermark, "set the watermark of snapshot " + snapshot);
  }

  /**
   * Waits for the oldest event of the snapshot that has not been handed out.
   *
   * @return empty when there was none within the time
   * @throws ErrnoException ESRCH when the snapshot is gone
   */
  Optional<Event> waitEvent(UUID snapshot, int timeoutMs) throws ErrnoException {
    ByteBuffer event = Abi.argument(Abi.EVENT_SIZE);
    Abi.putUuid(event, 0, snapshot);
    event.putInt(Abi.EVENT_TIMEOUT_MS, timeoutMs);
    try {
      Libc.ioctl(fd, Abi.SNAPSHOT_WAIT_EVENT, event, "wait for events of snapshot " + snapshot);
    } catch (ErrnoException e) {
      if (e.errno() == ErrnoException.ENOENT || e.errno() == ErrnoException.EINTR) {
        return Optional.empty();
      }
      throw e;
    }
    long nanos = event.getLong(Abi.EVENT_TIME_LABEL);
    return Optional.of(
        new Event(
            event.getInt(Abi.EVENT_CODE),
            Instant.ofEpochSecond(nanos / 1_000_000_000, nanos % 1_000_000_000),
            event.slice(Abi.EVENT_DATA, Abi.EVENT_SIZE - Abi.EVENT_DATA).order(event.order())));
  }

  @Override
  public void close() {
    Libc.closeQuietly(fd);
  }

  private void withId(int request, UUID snapshot, String purpose) throws ErrnoException {
    ByteBuffer id = Abi.argument(Abi.UUID_SIZE);
    Abi.putUuid(id, 0, snapshot);
    Libc.ioctl(fd, request, id, purpose + snapshot);
  }
}
