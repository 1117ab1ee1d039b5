package io.blkcast.exporter.source.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/** Asks the filesystem for {@link ImageMark}s. */
interface ImageProbe {

  /** Filesystems that stamp changes with this machine's clock, at the time of the call. */
  Set<String> LOCAL =
      Set.of(
          "ext2",
          "ext3",
          "ext4",
          "xfs",
          "btrfs",
          "bcachefs",
          "f2fs",
          "jfs",
          "zfs",
          "tmpfs",
          "ramfs",
          "overlay",
          "apfs",
          "hfs");

  /** The file that is open. */
  ImageMark of(SparseFile image) throws IOException;

  /** The file that a path leads to now; empty where it leads to none. */
  Optional<ImageMark> at(Path path) throws IOException;

  /**
   * Whether the filesystem stamps a change at once, and by this machine's clock. A server's clock
   * is another, and it hears of a write late.
   */
  boolean stampsByOurClock(Path path);

  /** This machine's filesystems. */
  ImageProbe SYSTEM =
      new ImageProbe() {
        @Override
        public ImageMark of(SparseFile image) throws IOException {
          return image.mark();
        }

        @Override
        public Optional<ImageMark> at(Path path) throws IOException {
          try {
            return Optional.of(Statx.at(path));
          } catch (NoSuchFileException e) {
            return Optional.empty();
          }
        }

        @Override
        public boolean stampsByOurClock(Path path) {
          try {
            return LOCAL.contains(Files.getFileStore(path).type());
          } catch (IOException e) {
            // A container that does not see the mount. Better to doubt too much than too little.
            return true;
          }
        }
      };
}
