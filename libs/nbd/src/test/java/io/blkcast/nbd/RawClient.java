package io.blkcast.nbd;

import io.vertx.core.net.SocketAddress;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;

/** A client that does just what it is told, and no more. */
final class RawClient implements Closeable {

  /** So that a test that fails comes to an end. */
  private static final int LIMIT_MILLIS = 60_000;

  private final Socket socket = new Socket();
  final DataInputStream in;
  final DataOutputStream out;

  /** With so little room for what it does not read that the server soon meets the end of it. */
  RawClient(SocketAddress server) throws IOException {
    socket.setReceiveBufferSize(16 << 10);
    socket.setSendBufferSize(16 << 10);
    socket.setSoTimeout(LIMIT_MILLIS);
    socket.connect(new InetSocketAddress(server.host(), server.port()), LIMIT_MILLIS);
    in = new DataInputStream(socket.getInputStream());
    out = new DataOutputStream(socket.getOutputStream());
  }

  /** Negotiates as little as is possible. */
  RawClient use(String export) throws IOException {
    in.readFully(new byte[18]);
    byte[] name = export.getBytes(StandardCharsets.UTF_8);
    out.writeInt(Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES);
    out.writeLong(Nbd.OPTION_MAGIC);
    out.writeInt(Nbd.OPT_EXPORT_NAME);
    out.writeInt(name.length);
    out.write(name);
    in.readFully(new byte[10]);
    return this;
  }

  void read(long cookie, long offset, int length) throws IOException {
    out.writeInt(Nbd.REQUEST_MAGIC);
    out.writeShort(0);
    out.writeShort(Nbd.CMD_READ);
    out.writeLong(cookie);
    out.writeLong(offset);
    out.writeInt(length);
  }

  /** The header of a write; the data is up to the caller. */
  void write(long cookie, long offset, int length) throws IOException {
    out.writeInt(Nbd.REQUEST_MAGIC);
    out.writeShort(0);
    out.writeShort(Nbd.CMD_WRITE);
    out.writeLong(cookie);
    out.writeLong(offset);
    out.writeInt(length);
  }

  /** Waits for the end of the connection; false if something else comes first. */
  boolean isOver() throws IOException {
    try {
      return in.read() < 0;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (SocketException e) {
      return true;
    }
  }

  /** Waits for the reply to a read that went well, and returns its cookie. */
  long reply(int length) throws IOException {
    if (in.readInt() != Nbd.SIMPLE_REPLY_MAGIC || in.readInt() != 0) {
      throw new IOException("not the reply to a read that went well");
    }
    long cookie = in.readLong();
    in.readFully(new byte[length]);
    return cookie;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
