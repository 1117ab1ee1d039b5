package io.blkcast.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Replaces small files as a whole: whoever reads one finds the old content or the new, never a
 * part.
 *
 * <p>The new content is written to a file beside it, named with {@value #SUFFIX} at the end, which
 * is then renamed. One that a killed process has left is removed by the next replacement. So each
 * file may have one writer at a time; who that is, is the caller's business.
 *
 * <p>The new file is for this user alone, and no link is followed: see {@link OwnFiles}.
 *
 * <p>What must outlive a power cut is forced to the disk, the directory's entry included. That
 * takes as long as the disk does, which is seconds where others keep it busy: what only has to
 * outlive the process need not wait for it.
 */
public final class FileReplacement {

  private static final String SUFFIX = ".new";

  private FileReplacement() {}

  /**
   * Replaces the file, or makes it; the new content outlives the process, not a power cut.
   *
   * @throws IOException naming the file, which has its old content then
   */
  public static void replace(Path file, byte[] content) throws IOException {
    replace(file, content, false);
  }

  /**
   * Replaces the file, or makes it; once this returns, the new content outlives a power cut too.
   *
   * @throws IOException naming the file, which has its old content then; or the new, if only the
   *     directory could not be forced
   */
  public static void replaceDurably(Path file, byte[] content) throws IOException {
    replace(file, content, true);
    force(file);
  }

  /**
   * Deletes the file, if it is there; once this returns, its absence outlives a power cut too.
   *
   * @throws IOException naming the file
   */
  public static void deleteDurably(Path file) throws IOException {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new IOException(file + " cannot be deleted: " + e, e);
    }
    force(file);
  }

  private static void replace(Path file, byte[] content, boolean durably) throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + SUFFIX);
    try {
      write(fresh, content, durably);
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      IOException failure = new IOException(file + " cannot be replaced: " + e, e);
      try {
        Files.deleteIfExists(fresh);
      } catch (IOException left) {
        failure.addSuppressed(left);
      }
      throw failure;
    }
  }

  private static void write(Path fresh, byte[] content, boolean durably) throws IOException {
    try (FileChannel channel = OwnFiles.replace(fresh)) {
      ByteBuffer bytes = ByteBuffer.wrap(content);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      if (durably) {
        channel.force(true);
      }
    }
  }

  /** Makes the file's name, or that it has none, outlive a power cut. */
  private static void force(Path file) throws IOException {
    Path absolute = file.toAbsolutePath();
    Path parent = absolute.getParent();
    try (FileChannel directory = FileChannel.open(parent == null ? absolute : parent)) {
      directory.force(true);
    } catch (IOException e) {
      throw new IOException("the directory of " + file + " cannot be forced: " + e, e);
    }
  }
}
