package io.blkcast.exporter.source.disk;

import io.blkcast.file.OwnFiles;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A sparse file for positional I/O from many threads.
 *
 * <p>Java closes a {@link FileChannel} under everybody when one thread is interrupted in it. Here
 * the channel is opened again and the call repeated; the interrupt stays pending for the caller.
 */
final class SparseFile implements AutoCloseable {

  private static final Set<OpenOption> READ_WRITE =
      Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE);

  private final Path path;
  private final Optional<NativeFile> linux;
  private final AtomicLong holes = new AtomicLong();
  private volatile FileChannel channel;
  private volatile boolean closed;
  private volatile Runnable whenCut = () -> {};

  /** Looking for a hole walks over all data before it, on tmpfs page by page. */
  private volatile DataRun known = new DataRun(0, 0, 0);

  /**
   * Data without a hole, as long as none is made.
   *
   * @param holes how many had been made when it was found
   */
  private record DataRun(long from, long end, long holes) {

    boolean isAt(long offset, long holesNow) {
      return from <= offset && offset < end && holes == holesNow;
    }
  }

  private SparseFile(Path path, FileChannel channel, Optional<NativeFile> linux) {
    this.path = path;
    this.channel = channel;
    this.linux = linux;
  }

  /** Opens the file, making an empty one where there is none. Who made a file says its mode. */
  static SparseFile open(Path path) throws IOException {
    return Files.exists(path)
        ? with(path, FileChannel.open(path, READ_WRITE))
        : with(
            path,
            FileChannel.open(
                path,
                Set.of(
                    StandardOpenOption.READ,
                    StandardOpenOption.WRITE,
                    StandardOpenOption.CREATE_NEW,
                    StandardOpenOption.SPARSE),
                OwnFiles.FILE_MODE));
  }

  /** Makes an empty file in place of whatever has the name. */
  static SparseFile replace(Path path) throws IOException {
    return with(path, OwnFiles.replace(path, StandardOpenOption.SPARSE));
  }

  private static SparseFile with(Path path, FileChannel channel) throws IOException {
    try {
      SparseFile file = new SparseFile(path, channel, NativeFile.open(path));
      try {
        // Both descriptors must be of one file, even where its name passed to another in between.
        channel.close();
        file.channel = FileChannel.open(file.samePath(), READ_WRITE);
      } catch (IOException e) {
        file.close();
        throw e;
      }
      return file;
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /** Sets what is called when a read meets the end of the file; for one that has a known size. */
  void whenCut(Runnable action) {
    whenCut = action;
  }

  /** What the filesystem says of the file that is open. */
  ImageMark mark() throws IOException {
    return linux.isPresent() ? linux.get().mark() : Statx.at(path);
  }

  /**
   * Keeps the file for this one until it is closed, where that is possible here.
   *
   * @return false where another has it
   */
  boolean lock() throws IOException {
    return linux.isEmpty() || linux.get().lock();
  }

  long size() throws IOException {
    return mark().size();
  }

  /** Grows the file by a hole, or cuts it. */
  void resize(long bytes) throws IOException {
    try {
      if (linux.isPresent()) {
        linux.get().resize(bytes);
      } else {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
          file.setLength(bytes);
        }
      }
    } finally {
      holes.incrementAndGet();
    }
  }

  /** Fills the buffer. */
  void read(long offset, ByteBuffer dst) throws IOException {
    int start = dst.position();
    call(
        file -> {
          dst.position(start);
          long at = offset;
          while (dst.hasRemaining()) {
            int read = file.read(dst, at);
            if (read < 0) {
              whenCut.run();
              throw new EOFException(path + " ends before byte " + (at + dst.remaining()));
            }
            at += read;
          }
        });
  }

  /** Writes all that remains in the buffer. */
  void write(long offset, ByteBuffer src) throws IOException {
    int start = src.position();
    call(
        file -> {
          src.position(start);
          long at = offset;
          while (src.hasRemaining()) {
            at += file.write(src, at);
          }
        });
  }

  /** Returns when the content is on stable storage. */
  void force() throws IOException {
    call(file -> file.force(false));
  }

  /**
   * First byte at or after {@code from} that may be anything but zero; {@code from} itself where
   * holes are unknown, -1 where only a hole follows.
   */
  long nextData(long from) throws IOException {
    return linux.isEmpty() || known.isAt(from, holes.get()) ? from : linux.get().nextData(from);
  }

  /**
   * First byte from {@code from} on, before {@code end}, that may be anything but zero, or that the
   * file does not have: reading it fails, as it must. {@code end} where there is none.
   */
  long nextData(long from, long end) throws IOException {
    long data = nextData(from);
    if (data >= 0) {
      return Math.min(data, end);
    }
    return Math.min(Math.max(from, size()), end);
  }

  /** First byte after {@code from} that is in a hole, or the file's end; or a byte before that. */
  long nextHole(long from) throws IOException {
    if (linux.isEmpty()) {
      return size();
    }
    long holesNow = holes.get();
    DataRun run = known;
    if (!run.isAt(from, holesNow)) {
      run = new DataRun(from, linux.get().nextHole(from), holesNow);
      known = run;
    }
    return run.end();
  }

  /** Makes the range a hole. False where that is not possible here. */
  boolean punch(long offset, long length) throws IOException {
    try {
      return linux.isPresent() && linux.get().punch(offset, length);
    } finally {
      holes.incrementAndGet();
    }
  }

  /** Makes the range read as zero and keeps it allocated. False where not possible here. */
  boolean zero(long offset, long length) throws IOException {
    try {
      return linux.isPresent() && linux.get().zero(offset, length);
    } finally {
      holes.incrementAndGet();
    }
  }

  /** Gives the range's holes room and changes no content. Does nothing where not possible here. */
  void allocate(long offset, long length) throws IOException {
    if (linux.isPresent()) {
      linux.get().allocate(offset, length);
    }
  }

  @Override
  public void close() throws IOException {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    linux.ifPresent(NativeFile::close);
    channel.close();
  }

  private interface Call {
    void on(FileChannel file) throws IOException;
  }

  private void call(Call call) throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        interrupted |= Thread.interrupted();
        FileChannel used = channel;
        try {
          call.on(used);
          return;
        } catch (ClosedChannelException e) {
          reopen(used, e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private synchronized void reopen(FileChannel used, ClosedChannelException e) throws IOException {
    if (closed) {
      throw new IOException(path + " is closed", e);
    }
    if (channel == used) {
      channel = FileChannel.open(samePath(), READ_WRITE);
    }
  }

  /** A path to the file that is open, where possible: another may have its name by now. */
  private Path samePath() {
    return linux.map(NativeFile::path).filter(Files::exists).orElse(path);
  }
}
