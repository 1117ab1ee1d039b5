package io.blkcast.exporter.source.disk;

import java.nio.file.Path;

/**
 * How a tracked disk is made.
 *
 * @param volume the volume's name
 * @param image raw image; made sparse where missing
 * @param capacityBytes size of the volume in bytes, any; an image of another size is grown, never
 *     shrunk. 0 takes the size of the image that is there
 * @param state file that keeps the change map over restarts
 * @param minBlockSize smallest tracking block in bytes, a power of two, 4 KiB to 64 MiB; the block
 *     is this or the next power of two for which there are at most 2097152 blocks
 * @param storage file that holds overwritten data while a snapshot is held; made at the take,
 *     deleted with the snapshot
 * @param storageLimit most bytes that file may hold
 * @param storageMost what that limit may be raised to after a storage that ran full
 * @param copyUnit bytes copied aside at least, a power of two, 4 KiB to 64 KiB
 * @param watermark share of the limit from which {@code Watermark} is told, over 0 up to 1
 * @param changedThreshold changed bytes since the last take from which {@code Changed} is told; 0
 *     for never
 */
public record DiskOptions(
    String volume,
    Path image,
    long capacityBytes,
    Path state,
    int minBlockSize,
    Path storage,
    long storageLimit,
    long storageMost,
    int copyUnit,
    double watermark,
    long changedThreshold) {

  public DiskOptions {
    if (capacityBytes < 0) {
      throw new IllegalArgumentException(volume + ": capacity " + capacityBytes + " is negative");
    }
    requirePowerOfTwo(volume, "tracking block", minBlockSize, 4 << 10, 64 << 20);
    requirePowerOfTwo(volume, "copy unit", copyUnit, 4 << 10, 64 << 10);
    if (storageLimit < copyUnit) {
      throw new IllegalArgumentException(volume + ": storage limit below one copy unit");
    }
    if (storageMost < storageLimit) {
      throw new IllegalArgumentException(volume + ": storage limit above the most it may be");
    }
    if (!(watermark > 0 && watermark <= 1)) {
      throw new IllegalArgumentException(volume + ": watermark must be over 0 and at most 1");
    }
    if (changedThreshold < 0) {
      throw new IllegalArgumentException(volume + ": negative threshold of changed bytes");
    }
  }

  /**
   * Usual settings: state and storage beside the image, blocks of 64 KiB, a storage of 4 GiB in
   * units of 4 KiB with its watermark at three quarters, no threshold.
   *
   * @param capacityBytes as in {@link DiskOptions}
   */
  public static DiskOptions of(String volume, Path image, long capacityBytes) {
    return new DiskOptions(
        volume,
        image,
        capacityBytes,
        image.resolveSibling(image.getFileName() + ".cbt"),
        64 << 10,
        image.resolveSibling(image.getFileName() + ".diff"),
        4L << 30,
        4L << 30,
        4 << 10,
        0.75,
        0);
  }

  public DiskOptions withState(Path file) {
    return new DiskOptions(
        volume,
        image,
        capacityBytes,
        file,
        minBlockSize,
        storage,
        storageLimit,
        storageMost,
        copyUnit,
        watermark,
        changedThreshold);
  }

  /** With a limit that stays. */
  public DiskOptions withStorage(Path file, long limit) {
    return withStorage(file, limit, limit);
  }

  public DiskOptions withStorage(Path file, long limit, long most) {
    return new DiskOptions(
        volume,
        image,
        capacityBytes,
        state,
        minBlockSize,
        file,
        limit,
        most,
        copyUnit,
        watermark,
        changedThreshold);
  }

  public DiskOptions withUnits(int newMinBlockSize, int newCopyUnit) {
    return new DiskOptions(
        volume,
        image,
        capacityBytes,
        state,
        newMinBlockSize,
        storage,
        storageLimit,
        storageMost,
        newCopyUnit,
        watermark,
        changedThreshold);
  }

  public DiskOptions withEvents(double newWatermark, long newChangedThreshold) {
    return new DiskOptions(
        volume,
        image,
        capacityBytes,
        state,
        minBlockSize,
        storage,
        storageLimit,
        storageMost,
        copyUnit,
        newWatermark,
        newChangedThreshold);
  }

  private static void requirePowerOfTwo(
      String volume, String what, int value, int least, int most) {
    if (Integer.bitCount(value) != 1 || value < least || value > most) {
      throw new IllegalArgumentException(
          volume
              + ": "
              + what
              + " of "
              + value
              + " bytes is not a power of two from "
              + least
              + " to "
              + most);
    }
  }
}
