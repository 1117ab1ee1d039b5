package io.blkcast.exporter;

import com.sun.jna.Native;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The other end of sd_notify(3): a datagram socket that keeps what it is told. */
final class NotifySocket implements AutoCloseable {

  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM_CLOEXEC = 2 | 02000000;
  private static final int MSG_DONTWAIT = 0x40;

  private final int socket;
  private final List<String> messages = new ArrayList<>();

  /**
   * @param name a path, or a name that begins with @ for an abstract socket
   */
  NotifySocket(String name) throws IOException {
    socket = C.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    byte[] path = name.getBytes(StandardCharsets.UTF_8);
    if (path[0] == '@') {
      path[0] = 0;
    }
    ByteBuffer address = ByteBuffer.allocateDirect(2 + path.length).order(ByteOrder.nativeOrder());
    address.putShort((short) AF_UNIX).put(path).flip();
    if (socket < 0 || C.bind(socket, address, address.capacity()) != 0) {
      throw new IOException("cannot bind " + name + ": error " + Native.getLastError());
    }
  }

  /** Everything told so far. */
  synchronized List<String> messages() {
    ByteBuffer buffer = ByteBuffer.allocateDirect(4096);
    for (long size; (size = C.recv(socket, buffer, buffer.capacity(), MSG_DONTWAIT)) > 0; ) {
      byte[] bytes = new byte[(int) size];
      buffer.get(0, bytes);
      messages.add(new String(bytes, StandardCharsets.UTF_8));
    }
    return List.copyOf(messages);
  }

  boolean told(String assignment) {
    return messages().stream().anyMatch(message -> message.lines().anyMatch(assignment::equals));
  }

  @Override
  public void close() {
    C.close(socket);
  }

  private static final class C {
    static {
      Native.register(C.class, "c");
    }

    static native int socket(int domain, int type, int protocol);

    static native int bind(int socket, java.nio.Buffer address, int length);

    static native long recv(int socket, java.nio.Buffer data, long length, int flags);

    static native int close(int fd);
  }
}
