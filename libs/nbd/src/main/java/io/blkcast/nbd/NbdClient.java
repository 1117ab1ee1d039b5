package io.blkcast.nbd;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;

/**
 * The least of an NBD client: writes and flushes, one at a time, over TCP. For machines without one
 * of the usual clients; numbers as of the protocol's specification (doc/proto.md of the NBD
 * project).
 */
public final class NbdClient implements AutoCloseable {

  private static final int TIMEOUT_MILLIS = 30_000;

  private final Socket socket = new Socket();
  private final DataInputStream in;
  private final DataOutputStream out;
  private final long size;
  private final boolean canTrim;
  private long handle;

  /**
   * Connects.
   *
   * @param uri {@code nbd://host:port/export}
   */
  public NbdClient(URI uri) throws IOException {
    try {
      int port = uri.getPort() < 0 ? 10_809 : uri.getPort();
      socket.connect(new InetSocketAddress(uri.getHost(), port), TIMEOUT_MILLIS);
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.setTcpNoDelay(true);
      in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
      out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream(), 1 << 16));
      if (in.readLong() != Nbd.INIT_MAGIC || in.readLong() != Nbd.OPTION_MAGIC) {
        throw new IOException(uri + " is no NBD server");
      }
      int offered = in.readUnsignedShort();
      out.writeInt((Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES) & offered);
      byte[] name = uri.getPath().substring(1).getBytes(StandardCharsets.UTF_8);
      out.writeLong(Nbd.OPTION_MAGIC);
      out.writeInt(Nbd.OPT_EXPORT_NAME);
      out.writeInt(name.length);
      out.write(name);
      out.flush();
      size = in.readLong();
      canTrim = (in.readUnsignedShort() & Nbd.EXPORT_SEND_TRIM) != 0;
      if ((offered & Nbd.FLAG_NO_ZEROES) == 0) {
        in.skipNBytes(124);
      }
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** Bytes of the export. */
  public long size() {
    return size;
  }

  public boolean canTrim() {
    return canTrim;
  }

  public void write(long offset, byte[] content) throws IOException {
    request(Nbd.CMD_WRITE, offset, content.length);
    out.write(content);
    reply();
  }

  public void trim(long offset, int length) throws IOException {
    request(Nbd.CMD_TRIM, offset, length);
    reply();
  }

  public void flush() throws IOException {
    request(Nbd.CMD_FLUSH, 0, 0);
    reply();
  }

  private void request(int command, long offset, int length) throws IOException {
    out.writeInt(Nbd.REQUEST_MAGIC);
    out.writeShort(0);
    out.writeShort(command);
    out.writeLong(++handle);
    out.writeLong(offset);
    out.writeInt(length);
  }

  private void reply() throws IOException {
    out.flush();
    if (in.readInt() != Nbd.SIMPLE_REPLY_MAGIC) {
      throw new IOException("the NBD server's reply is out of step");
    }
    int error = in.readInt();
    if (in.readLong() != handle) {
      throw new IOException("the NBD server replied to another request");
    }
    if (error != 0) {
      throw new IOException("the NBD server failed a request with error " + error);
    }
  }

  @Override
  public void close() throws IOException {
    try (socket) {
      request(Nbd.CMD_DISC, 0, 0);
      out.flush();
    }
  }
}
