package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.nbd.BlockStore;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A raw image whose changes are tracked. */
public final class TrackedDisk implements BlockStore, AutoCloseable {

  private final DiskOptions options;

  private TrackedDisk(DiskOptions options) {
    this.options = options;
  }

  /** Opens the image, making it where missing, and takes up tracking where it was left. */
  public static TrackedDisk open(DiskOptions options) throws IOException {
    return new TrackedDisk(options);
  }

  /** The volume's name. */
  public String volume() {
    return options.volume();
  }

  @Override
  public long size() {
    return options.capacityBytes();
  }

  @Override
  public void read(long offset, ByteBuffer dst) throws IOException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void write(long offset, ByteBuffer src) throws IOException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void trim(long offset, long length) throws IOException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void writeZeroes(long offset, long length, boolean keepAllocated, boolean fast)
      throws IOException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void flush() throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Writes everything to stable storage and lets go of the files; tracking stays valid. */
  @Override
  public void close() throws IOException {
    throw new UnsupportedOperationException();
  }
}
