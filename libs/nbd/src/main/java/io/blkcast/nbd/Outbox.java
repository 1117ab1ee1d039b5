package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;

/** Replies of one connection on their way from the workers to the socket. */
final class Outbox {

  private record Reply(ByteBuf bytes, long cost) {}

  /** Hears of what has gone to the kernel, or will never. */
  interface Sent {
    void sent(int replies, long cost);
  }

  private final ChannelHandlerContext netty;
  private final Pace pace;
  private final Sent listener;
  private final Queue<Reply> waiting = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean sending = new AtomicBoolean();

  /**
   * @param listener called on the socket's event loop
   */
  Outbox(ChannelHandlerContext netty, Pace pace, Sent listener) {
    this.netty = netty;
    this.pace = pace;
    this.listener = listener;
  }

  /**
   * Sends, on any thread.
   *
   * @param cost what the request counts for until this is sent
   */
  void add(ByteBuf bytes, long cost) {
    waiting.add(new Reply(bytes, cost));
    if (sending.compareAndSet(false, true)) {
      netty.executor().execute(this::send);
    }
  }

  /** Sends all replies that are there with one system call, if the socket takes them. */
  private void send() {
    sending.set(false);
    long cost = 0;
    long size = 0;
    int count = 0;
    var last = netty.voidPromise().unvoid();
    for (Reply reply = waiting.poll(); reply != null; ) {
      Reply next = waiting.poll();
      cost += reply.cost;
      size += reply.bytes.readableBytes();
      count++;
      netty.write(reply.bytes, next == null ? last : netty.voidPromise());
      reply = next;
    }
    if (count > 0) {
      long whole = cost;
      int replies = count;
      pace.queued(replies, size);
      last.addListener(ignored -> listener.sent(replies, whole));
      netty.flush();
    }
  }
}
