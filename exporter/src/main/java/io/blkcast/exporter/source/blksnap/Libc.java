package io.blkcast.exporter.source.blksnap;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import io.vertx.core.Context;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The system calls that the JDK does not offer. Each may wait for the kernel as long as it likes,
 * so none runs on an event loop: there it throws IllegalStateException, a fault of the caller's.
 */
final class Libc {

  static final int O_RDONLY = 0;
  static final int O_RDWR = 2;
  static final int O_CLOEXEC = 02000000;
  static final int O_DIRECT = 040000;

  /** Bytes of a {@code struct iovec}: address and length. */
  private static final int IOVEC = 16;

  static {
    Native.register(Libc.class, "c");
  }

  private Libc() {}

  private static native int open(String path, int flags);

  private static native int close(int fd);

  private static native int ioctl(int fd, long request, long argument);

  private static native long preadv(int fd, long vectors, int count, long offset);

  /** Opens a file; the descriptor is closed on exec. */
  static int open(String path, int flags, String purpose) throws ErrnoException {
    refuseOnEventLoop(purpose);
    return (int) checked(open(path, flags | O_CLOEXEC), purpose + " " + path);
  }

  /** Closes a descriptor; there is nothing to be done about an error. */
  static void closeQuietly(int fd) {
    close(fd);
  }

  /** An ioctl whose argument is the buffer's memory from its start. Returns what the kernel did. */
  static int ioctl(int fd, int request, ByteBuffer argument, String purpose) throws ErrnoException {
    refuseOnEventLoop(purpose);
    int result = ioctl(fd, request & 0xffffffffL, address(argument));
    java.lang.ref.Reference.reachabilityFence(argument);
    return (int) checked(result, purpose);
  }

  /**
   * Reads at an offset into what remains of direct buffers, one after the other, in one request.
   * Their positions stay.
   *
   * @param skip bytes of them that an earlier call has filled
   * @return bytes read, 0 at the end
   */
  static int preadv(int fd, List<ByteBuffer> buffers, int skip, long offset, String purpose)
      throws ErrnoException {
    refuseOnEventLoop(purpose);
    ByteBuffer vectors = Abi.argument(buffers.size() * IOVEC);
    int done = skip;
    for (ByteBuffer buffer : buffers) {
      int full = Math.min(done, buffer.remaining());
      done -= full;
      if (full < buffer.remaining()) {
        vectors.putLong(address(buffer) + buffer.position() + full);
        vectors.putLong(buffer.remaining() - full);
      }
    }
    long result = preadv(fd, address(vectors), vectors.position() / IOVEC, offset);
    java.lang.ref.Reference.reachabilityFence(vectors);
    java.lang.ref.Reference.reachabilityFence(buffers);
    return (int) checked(result, purpose);
  }

  /** Address of a direct buffer's first byte, position 0. */
  static long address(ByteBuffer direct) {
    return Pointer.nativeValue(Native.getDirectBufferPointer(direct));
  }

  private static void refuseOnEventLoop(String purpose) {
    if (Context.isOnEventLoopThread()) {
      throw new IllegalStateException(purpose + ": would block the event loop");
    }
  }

  private static long checked(long result, String purpose) throws ErrnoException {
    if (result < 0) {
      throw new ErrnoException(purpose, Native.getLastError());
    }
    return result;
  }
}
