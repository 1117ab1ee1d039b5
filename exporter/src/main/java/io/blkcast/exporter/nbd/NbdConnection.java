package io.blkcast.exporter.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.util.concurrent.ScheduledFuture;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.internal.net.NetSocketInternal;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client. Moves bytes between the socket, {@link Negotiation}, {@link RequestDecoder} and the
 * workers, on the socket's event loop; only {@link #serve} runs on workers.
 *
 * <p>Netty's own buffers are used below Vert.x's, which would copy each one to the heap. What is in
 * flight is bounded, for this connection and over all: a request is admitted before memory is taken
 * for it, and counts until its reply has gone to the kernel; while none is admitted the socket is
 * not read. A client that stops in the middle of a payload, or does not take its replies, is
 * dropped after a while, for others may wait for the memory that it holds.
 */
final class NbdConnection {

  private static final Logger LOG = LoggerFactory.getLogger(NbdConnection.class);

  private static final ChannelOption<Integer> KEEP_IDLE =
      NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPIDLE);
  private static final ChannelOption<Integer> KEEP_INTERVAL =
      NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPINTERVAL);
  private static final int KEEP_SECONDS = 30;

  private final NetSocketInternal socket;
  private final ChannelHandlerContext netty;
  private final NbdOptions options;
  private final Function<BlockStore, Executor> workers;
  private final ByteBufAllocator allocator;
  private final MemoryLimit limit;
  private final Reception reception = new Reception();
  private final Negotiation negotiation;
  private final Queue<ByteBuf> input = new ArrayDeque<>();
  private final Queue<Reply> output = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean sending = new AtomicBoolean();
  private final Promise<Void> ended = Promise.promise();
  private @Nullable ByteBuf negotiated;
  private @Nullable Transmission transmission;
  private @Nullable ScheduledFuture<?> negotiationLimit;
  private @Nullable ScheduledFuture<?> stallCheck;
  private long bytesInFlight;
  private long sharedBytes;
  private boolean waitingForMemory;
  private long receivedBytes;
  private long receivedBefore;
  private long sentRequests;
  private long sentBefore;
  private @Nullable Object nextBefore;
  private long progressBefore;
  private int requestsInFlight;
  private boolean ending;

  private record Transmission(
      Agreement agreement, RequestDecoder decoder, Command command, WorkQueue queue) {}

  private record Reply(ByteBuf bytes, long cost) {}

  NbdConnection(
      NetSocketInternal socket,
      Map<String, BlockStore> exports,
      NbdOptions options,
      Function<BlockStore, Executor> workers,
      ByteBufAllocator allocator,
      MemoryLimit limit) {
    this.socket = socket;
    this.netty = socket.channelHandlerContext();
    this.options = options;
    this.workers = workers;
    this.allocator = allocator;
    this.limit = limit;
    this.negotiation = new Negotiation(exports);
  }

  /** Begins, on the socket's event loop. */
  void start() {
    // The client speaks second: nothing was read yet, and so no other way of reading is settled.
    ChannelConfig config = netty.channel().config();
    config.setRecvByteBufAllocator(reception);
    // A client whose machine has died says nothing, and would keep its place for two hours. Vert.x
    // sets these for native transports only; where they are unknown, nothing happens.
    config.setOption(KEEP_IDLE, KEEP_SECONDS);
    config.setOption(KEEP_INTERVAL, KEEP_SECONDS);
    negotiated = allocator.buffer();
    socket.messageHandler(this::received);
    socket.exceptionHandler(e -> LOG.debug("{}: {}", peer(), e.toString()));
    socket.closeHandler(ignored -> closed());
    ByteBuf greeting = allocator.buffer();
    Negotiation.greet(greeting);
    netty.writeAndFlush(greeting);
    negotiationLimit =
        netty
            .executor()
            .schedule(
                this::endIfNegotiating, 2 * options.stallLimit().toMillis(), TimeUnit.MILLISECONDS);
  }

  private void endIfNegotiating() {
    if (transmission == null && !ending) {
      LOG.warn("NBD client {} has not come to use an export in time; closing", peer());
      netty.close();
    }
  }

  /** Completes when the client is gone and nothing of it is in memory or under way. */
  Future<Void> ended() {
    return ended.future();
  }

  /** Reads no more requests, and closes when those under way are answered. */
  void end() {
    netty.executor().execute(this::endNow);
  }

  /** What is served to this client, once agreed. */
  Optional<BlockStore> store() {
    return negotiation.agreement().map(Agreement::store);
  }

  private void received(Object message) {
    if (!(message instanceof ByteBuf bytes)) {
      return;
    }
    if (ending) {
      bytes.release();
      return;
    }
    try {
      ByteBuf begun = negotiated;
      if (begun != null) {
        begun.writeBytes(bytes);
        bytes.release();
        negotiate(begun);
      } else {
        receivedBytes += bytes.readableBytes();
        input.add(bytes);
        readRequests();
      }
    } catch (ProtocolException e) {
      LOG.warn("NBD client {} broke the protocol: {}; closing", peer(), e.getMessage());
      socket.close();
    }
  }

  private void negotiate(ByteBuf in) throws ProtocolException {
    ByteBuf out = allocator.buffer();
    Negotiation.Next next;
    try {
      next = negotiation.read(in, out);
    } catch (ProtocolException e) {
      out.release();
      throw e;
    }
    // No more is read than the client takes the answers of.
    ChannelConfig config = netty.channel().config();
    config.setAutoRead(false);
    netty
        .writeAndFlush(out)
        .addListener(
            ignored -> {
              if (transmission == null) {
                config.setAutoRead(true);
              }
            });
    in.discardSomeReadBytes();
    if (next == Negotiation.Next.CLOSE) {
      endNow();
    } else if (next == Negotiation.Next.TRANSMIT) {
      transmit(negotiation.agreement().orElseThrow());
      negotiated = null;
      input.add(in);
      readRequests();
    }
  }

  private void transmit(Agreement agreement) {
    LOG.info("NBD client {} uses export '{}'", peer(), agreement.name());
    RequestDecoder decoder = new RequestDecoder(allocator, this::admit);
    Command command = new Command(agreement, allocator);
    WorkQueue queue =
        new WorkQueue(workers.apply(agreement.store()), options.workers(), this::serve);
    transmission = new Transmission(agreement, decoder, command, queue);
    reception.receiveFor(decoder);
    long period = options.stallLimit().toMillis();
    stallCheck =
        netty
            .executor()
            .scheduleAtFixedRate(
                () -> endIfStalled(decoder), period, period, TimeUnit.MILLISECONDS);
  }

  private void endIfStalled(RequestDecoder decoder) {
    if (decoder.isReceiving() && receivedBytes == receivedBefore) {
      LOG.warn("NBD client {} stopped in the middle of a write; closing", peer());
      netty.close();
    }
    receivedBefore = receivedBytes;
    if (takesNothing()) {
      LOG.warn("NBD client {} does not take its replies; closing", peer());
      netty.close();
    }
  }

  /** Whether nothing has gone to the kernel since the last call, of replies that were left then. */
  private boolean takesNothing() {
    ChannelOutboundBuffer buffer = netty.channel().unsafe().outboundBuffer();
    Object next = buffer == null ? null : buffer.current();
    long progress = buffer == null ? 0 : buffer.currentProgress();
    // The same buffer may be another reply, but then that before it was sent.
    boolean nothing =
        next != null
            && next == nextBefore
            && progress == progressBefore
            && sentRequests == sentBefore;
    nextBefore = next;
    progressBefore = progress;
    sentBefore = sentRequests;
    return nothing;
  }

  private boolean admit(Request request) {
    long wanted = bytesInFlight + request.cost();
    if (waitingForMemory || (bytesInFlight > 0 && wanted > options.maxBytesInFlight())) {
      return false;
    }
    long missing = wanted - NbdOptions.OWN_BYTES - sharedBytes;
    if (missing > 0) {
      waitingForMemory =
          !limit.take(missing, () -> netty.executor().execute(() -> granted(missing)));
      if (waitingForMemory) {
        return false;
      }
      sharedBytes += missing;
    }
    bytesInFlight = wanted;
    return true;
  }

  private void granted(long bytes) {
    waitingForMemory = false;
    sharedBytes += bytes;
    if (ending) {
      giveBackShared();
    } else {
      resume();
    }
  }

  /** Keeps no more of the shared memory than what is in flight beyond a connection's own. */
  private void giveBackShared() {
    long excess = sharedBytes - Math.max(0, bytesInFlight - NbdOptions.OWN_BYTES);
    if (excess > 0) {
      sharedBytes -= excess;
      limit.giveBack(excess);
    }
  }

  private void readRequests() throws ProtocolException {
    Transmission to = transmission;
    Channel channel = netty.channel();
    while (to != null && !ending) {
      ByteBuf in = input.isEmpty() ? Unpooled.EMPTY_BUFFER : input.element();
      for (Request request; !ending && (request = to.decoder.next(in)) != null; ) {
        if (request.type() == Nbd.CMD_DISC) {
          bytesInFlight -= request.cost();
          endNow();
        } else {
          requestsInFlight++;
          to.queue.add(request);
        }
      }
      if (ending) {
        return;
      }
      if (to.decoder.refused()) {
        channel.config().setAutoRead(false);
        return;
      }
      if (input.isEmpty()) {
        break;
      }
      input.remove().release();
    }
    channel.config().setAutoRead(true);
  }

  private void serve(Request request) {
    Transmission of = transmission;
    if (of == null) {
      throw new IllegalStateException("a request before the negotiation's end");
    }
    ByteBuf bytes;
    try {
      bytes = of.command.serve(request);
    } catch (Throwable e) {
      // There is no memory even for the reply that says so: the client is told by the end.
      LOG.error("NBD client {} cannot be answered; closing", peer(), e);
      bytes = Unpooled.EMPTY_BUFFER;
      socket.close();
    } finally {
      request.payload().release();
    }
    output.add(new Reply(bytes, request.cost()));
    if (sending.compareAndSet(false, true)) {
      netty.executor().execute(this::send);
    }
  }

  /** Sends all replies that are there with one system call, if the socket takes them. */
  private void send() {
    sending.set(false);
    long cost = 0;
    int count = 0;
    var last = netty.voidPromise().unvoid();
    for (Reply reply = output.poll(); reply != null; ) {
      Reply next = output.poll();
      cost += reply.cost;
      count++;
      netty.write(reply.bytes, next == null ? last : netty.voidPromise());
      reply = next;
    }
    if (count > 0) {
      long bytes = cost;
      int requests = count;
      last.addListener(ignored -> sent(bytes, requests));
      netty.flush();
    }
  }

  private void sent(long bytes, int requests) {
    bytesInFlight -= bytes;
    requestsInFlight -= requests;
    sentRequests += requests;
    giveBackShared();
    resume();
    endWhenIdle();
  }

  private void resume() {
    try {
      readRequests();
    } catch (ProtocolException e) {
      LOG.warn("NBD client {} broke the protocol: {}; closing", peer(), e.getMessage());
      socket.close();
    }
  }

  private void endNow() {
    ending = true;
    dropInput();
    endWhenIdle();
  }

  private void closed() {
    ending = true;
    dropInput();
    endWhenIdle();
  }

  private void endWhenIdle() {
    if (ending && requestsInFlight == 0) {
      // What may be left is of a request that did not come in whole.
      bytesInFlight = 0;
      giveBackShared();
      if (negotiationLimit != null) {
        negotiationLimit.cancel(false);
      }
      if (stallCheck != null) {
        stallCheck.cancel(false);
      }
      socket.close();
      ended.tryComplete();
    }
  }

  private void dropInput() {
    ByteBuf begun = negotiated;
    if (begun != null) {
      negotiated = null;
      begun.release();
    }
    for (ByteBuf bytes = input.poll(); bytes != null; bytes = input.poll()) {
      bytes.release();
    }
    if (transmission != null) {
      transmission.decoder.close();
    }
  }

  private String peer() {
    return String.valueOf(socket.remoteAddress());
  }
}
