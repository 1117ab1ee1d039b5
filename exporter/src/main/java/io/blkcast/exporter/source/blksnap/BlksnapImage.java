package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The image of one device. It is read past the page cache: what is read once is published and never
 * read again. A read that is not aligned for that goes through a buffer of its own.
 */
final class BlksnapImage implements Snapshot.Image {

  /** What O_DIRECT asks of offset, length and memory: the largest logical block in use. */
  private static final int ALIGNMENT = 4096;

  private final BlksnapSource source;
  private final UUID snapshot;
  private final long limitBytes;
  private final String volume;
  private final FilteredDevice device;
  private final TrackingInfo info;
  private final boolean frozen;
  private final int fd;
  private final boolean canRelease;

  /** Held for reading by those who use the descriptor, for writing by the one who closes it. */
  private final ReentrantReadWriteLock use = new ReentrantReadWriteLock();

  private volatile boolean closed;
  private volatile boolean released;

  BlksnapImage(
      BlksnapSource source,
      UUID snapshot,
      long limitBytes,
      String volume,
      FilteredDevice device,
      boolean frozen)
      throws SourceException {
    this.source = source;
    this.snapshot = snapshot;
    this.limitBytes = limitBytes;
    this.volume = volume;
    this.device = device;
    this.frozen = frozen;
    try {
      info = device.info(source.has(Abi.FEATURE_EPOCH));
      canRelease = source.has(Abi.FEATURE_RELEASE);
      if (canRelease) {
        device.enableRelease();
      }
      // A discard needs a descriptor that may write; nothing else here does.
      fd =
          Libc.open(
              device.snapshotInfo().imagePath(),
              (canRelease ? Libc.O_RDWR : Libc.O_RDONLY) | Libc.O_DIRECT,
              "open image");
    } catch (ErrnoException e) {
      throw Errors.device(volume, e);
    }
  }

  @Override
  public String volume() {
    return volume;
  }

  @Override
  public TrackingInfo info() {
    return info;
  }

  @Override
  public boolean filesystemFrozen() {
    return frozen;
  }

  @Override
  public ChangeMap changeMap() throws SourceException {
    try {
      ByteBuffer map = device.map(info.blockCount());
      if (!source.has(Abi.FEATURE_EPOCH)) {
        return new ChangeMap(map, info, 0, 0);
      }
      FilteredDevice.Epochs epochs = device.epochs();
      return new ChangeMap(map, info, epochs.mapEpoch(), epochs.oldestBase());
    } catch (ErrnoException e) {
      throw Errors.device(volume, e);
    }
  }

  @Override
  public void read(long offset, ByteBuffer dst) throws SourceException {
    read(offset, List.of(dst));
  }

  @Override
  public void read(long offset, List<ByteBuffer> dsts) throws SourceException {
    long length = 0;
    boolean aligned = offset % ALIGNMENT == 0;
    for (ByteBuffer dst : dsts) {
      length += dst.remaining();
      aligned &=
          dst.isDirect()
              && ((Libc.address(dst) + dst.position()) | dst.remaining()) % ALIGNMENT == 0;
    }
    requireWithin(offset, length);
    if (aligned) {
      readAligned(offset, dsts, length);
      dsts.forEach(dst -> dst.position(dst.limit()));
      return;
    }
    long from = offset / ALIGNMENT * ALIGNMENT;
    long to = Math.min(roundUp(offset + length), info.capacityBytes());
    ByteBuffer bounce =
        ByteBuffer.allocateDirect(Math.toIntExact(roundUp(to - from)) + ALIGNMENT)
            .alignedSlice(ALIGNMENT)
            .limit(Math.toIntExact(to - from));
    readAligned(from, List.of(bounce), to - from);
    bounce.position((int) (offset - from));
    for (ByteBuffer dst : dsts) {
      ByteBuffer part = bounce.slice(bounce.position(), dst.remaining());
      bounce.position(bounce.position() + dst.remaining());
      dst.put(part);
    }
  }

  @Override
  public void release(long offset, long length) throws SourceException {
    requireWithin(offset, length);
    if (!canRelease || length == 0) {
      return;
    }
    released = true;
    ByteBuffer range = Abi.argument(16).putLong(0, offset).putLong(8, length);
    enter();
    try {
      Libc.ioctl(fd, Abi.BLKDISCARD, range, "release a range of the image of " + device.path());
    } catch (ErrnoException e) {
      throw failure(e);
    } finally {
      use.readLock().unlock();
    }
  }

  @Override
  public void check() throws SourceException {
    int error;
    try {
      error = device.snapshotInfo().error();
    } catch (ErrnoException e) {
      throw Errors.device(volume, e);
    }
    if (error != 0) {
      throw new SourceException(
          Code.CORRUPTED,
          "Volume "
              + volume
              + ": the snapshot is corrupted ("
              + ErrnoException.name(error)
              + ")"
              + (error == ErrnoException.ENOSPC
                  ? ". The difference storage overflowed: raise its limit"
                  : ""));
    }
  }

  @Override
  public Snapshot.StorageUsage storage() {
    if (source.has(Abi.FEATURE_STAT)) {
      try {
        return new Snapshot.StorageUsage(source.control().usage(snapshot).usedBytes(), limitBytes);
      } catch (ErrnoException e) {
        // The snapshot is going away; nothing is used any more.
      }
    }
    return new Snapshot.StorageUsage(0, limitBytes);
  }

  /** Closes the descriptor once nobody uses it. */
  void close() {
    use.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        Libc.closeQuietly(fd);
      }
    } finally {
      use.writeLock().unlock();
    }
  }

  private void requireWithin(long offset, long length) throws SourceException {
    if (offset < 0 || length < 0 || offset + length > info.capacityBytes()) {
      throw new SourceException(
          Code.INVALID,
          "Volume " + volume + ": " + length + " bytes at " + offset + " are not within the image");
    }
  }

  private void readAligned(long offset, List<ByteBuffer> dsts, long length) throws SourceException {
    enter();
    try {
      for (int done = 0; done < length; ) {
        int read = Libc.preadv(fd, dsts, done, offset + done, "read of the image");
        if (read == 0) {
          throw new SourceException(
              Code.IO, "Volume " + volume + ": the image ends at " + (offset + done));
        }
        done += read;
      }
    } catch (ErrnoException e) {
      throw failure(e);
    } finally {
      use.readLock().unlock();
    }
  }

  private void enter() throws SourceException {
    use.readLock().lock();
    if (closed) {
      use.readLock().unlock();
      throw new SourceException(Code.CLOSED, "Volume " + volume + ": the snapshot was destroyed");
    }
  }

  /** What a failed use of the image means: a corrupted snapshot says so itself. */
  private SourceException failure(ErrnoException e) {
    try {
      check();
    } catch (SourceException corrupted) {
      corrupted.addSuppressed(e);
      return corrupted;
    }
    return e.errno() == ErrnoException.EIO && released
        ? new SourceException(
            Code.RELEASED,
            "Volume "
                + volume
                + ": "
                + e.getMessage()
                + ", in a released range or on a failing device",
            e)
        : Errors.device(volume, e);
  }

  private static long roundUp(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
}
