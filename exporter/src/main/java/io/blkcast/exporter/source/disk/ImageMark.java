package io.blkcast.exporter.source.disk;

/**
 * What a filesystem says of an image: which file it is, and when it was last changed. Whoever
 * writes to a file moves {@code changed}, which nobody can set by hand.
 *
 * @param device number of the filesystem's device; may differ after a boot
 * @param inode number of the file in its filesystem; used again once the file is deleted
 * @param born time the file was made, in nanoseconds since 1970; 0 where the filesystem keeps none
 * @param size bytes
 * @param changed time the file was last changed (ctime), in nanoseconds since 1970
 */
record ImageMark(long device, long inode, long born, long size, long changed) {

  /** An image of which nothing is known. */
  static final ImageMark NONE = new ImageMark(0, 0, 0, 0, 0);

  /** Whether both are of one file. */
  boolean isSameFile(ImageMark other) {
    return device == other.device && inode == other.inode && born == other.born;
  }

  /** As {@link #isSameFile}, over a boot: the device may have another number then. */
  boolean isSameFileAfterBoot(ImageMark other) {
    return inode == other.inode && born == other.born && (born != 0 || device == other.device);
  }

  ImageMark withSize(long bytes) {
    return new ImageMark(device, inode, born, bytes, changed);
  }
}
