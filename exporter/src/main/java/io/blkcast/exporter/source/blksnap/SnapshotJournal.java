package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.file.FileReplacement;
import io.blkcast.file.OwnFiles;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Remembers over the end of this process, however sudden, which of the module's snapshots are its
 * own: the module keeps a snapshot until it is told to destroy it, and others may have theirs.
 *
 * <p>A file in the state directory names them, one a line. It survives kill -9; it need not survive
 * a power cut, with which the snapshots go as well, and is written while applications may be held
 * still for the snapshot, so nothing waits for the disk. A lock keeps a second exporter off, which
 * would take the first one's snapshots for left-overs.
 */
final class SnapshotJournal implements AutoCloseable {

  private final Path file;
  private final FileChannel lockFile;
  private final Set<UUID> ids = new LinkedHashSet<>();

  private SnapshotJournal(Path file, FileChannel lockFile) {
    this.file = file;
    this.lockFile = lockFile;
  }

  /**
   * Opens the list of a state directory, which is made where it is missing.
   *
   * @throws SourceException {@code BUSY} while another process has it open, {@code IO}
   */
  static SnapshotJournal open(Path state) throws SourceException {
    try {
      OwnFiles.createDirectories(state);
      FileChannel lockFile =
          OwnFiles.open(
              state.resolve("blksnap.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!locked(lockFile)) {
        lockFile.close();
        throw new SourceException(
            Code.BUSY,
            "Another exporter uses the state directory "
                + state
                + ". Stop it, or give this one another 'state'");
      }
      SnapshotJournal own = new SnapshotJournal(state.resolve("blksnap.snapshots"), lockFile);
      own.read();
      return own;
    } catch (IOException e) {
      throw new SourceException(Code.IO, "State directory " + state + ": " + e, e);
    }
  }

  private static boolean locked(FileChannel lockFile) throws IOException {
    try {
      FileLock lock = lockFile.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  private void read() throws IOException {
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      String text = new String(OwnFiles.read(file), StandardCharsets.US_ASCII);
      for (String line : text.lines().toList()) {
        try {
          ids.add(UUID.fromString(line.strip()));
        } catch (IllegalArgumentException e) {
          // A line that was cut off: the snapshot it should name was never taken.
        }
      }
    }
  }

  /** Those that were not destroyed, of this process or an earlier one. */
  synchronized Set<UUID> ids() {
    return Set.copyOf(ids);
  }

  synchronized void add(UUID id) throws SourceException {
    ids.add(id);
    write();
  }

  synchronized void remove(UUID id) throws SourceException {
    if (ids.remove(id)) {
      write();
    }
  }

  private void write() throws SourceException {
    String text = ids.stream().map(id -> id + "\n").collect(Collectors.joining());
    try {
      FileReplacement.replace(file, text.getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new SourceException(
          Code.IO, "Cannot note the snapshot: " + e.getMessage() + ". Make room there", e);
    }
  }

  /** Lets others in. */
  @Override
  public void close() {
    try {
      lockFile.close();
    } catch (IOException e) {
      // The lock ends with the process at the latest.
    }
  }
}
