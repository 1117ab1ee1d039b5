package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelHandlerContext;
import io.netty.util.concurrent.ScheduledFuture;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.internal.net.NetSocketInternal;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;
import org.slf4j.MarkerFactory;

/**
 * One client. Moves bytes between the socket, {@link Negotiation}, {@link RequestDecoder} and the
 * workers, on the socket's event loop; only {@link #serve} runs on workers.
 *
 * <p>Netty's own buffers are used below Vert.x's, which would copy each one to the heap. What is in
 * flight is bounded, for this connection and over all: a request is admitted before memory is taken
 * for it, and counts until its reply has gone to the kernel ({@link Admission}); while none is
 * admitted the socket is not read. A client that does not get on in the middle of a payload, or of
 * its replies, is dropped ({@link Pace}), for others may wait for the memory that it holds.
 */
final class NbdConnection {

  private static final Logger LOG = LoggerFactory.getLogger(NbdConnection.class);

  /** Lines that any client can cause: the log's configuration bounds their number. */
  private static final Marker PEER = MarkerFactory.getMarker("PEER");

  private final NetSocketInternal socket;
  private final ChannelHandlerContext netty;
  private final NbdOptions options;
  private final Function<BlockStore, Optional<Served>> served;
  private final ByteBufAllocator allocator;
  private final Reception reception = new Reception();
  private final Negotiation negotiation;
  private final Queue<ByteBuf> input = new ArrayDeque<>();
  private final Promise<Void> ended = Promise.promise();
  private @Nullable ByteBuf negotiated;
  private volatile @Nullable Served place;
  private Runnable chosen = () -> {};
  private @Nullable Transmission transmission;
  private @Nullable ScheduledFuture<?> negotiationLimit;
  private @Nullable ScheduledFuture<?> stallCheck;
  private int requestsInFlight;
  private boolean ending;

  private record Transmission(
      RequestDecoder decoder,
      Command command,
      WorkQueue queue,
      Admission admission,
      Pace pace,
      Outbox outbox) {}

  NbdConnection(
      NetSocketInternal socket,
      Map<String, BlockStore> exports,
      NbdOptions options,
      Function<BlockStore, Optional<Served>> served,
      ByteBufAllocator allocator) {
    this.socket = socket;
    this.netty = socket.channelHandlerContext();
    this.options = options;
    this.served = served;
    this.allocator = allocator;
    this.negotiation = new Negotiation(exports, this::enter);
  }

  /**
   * Begins, on the socket's event loop.
   *
   * @param chosen called once the client uses an export
   */
  void start(Runnable chosen) {
    this.chosen = chosen;
    // The client speaks second: nothing was read yet, and so no other way of reading is settled.
    ChannelConfig config = netty.channel().config();
    config.setRecvByteBufAllocator(reception);
    KeepAlive.set(config);
    negotiated = allocator.buffer();
    socket.messageHandler(this::received);
    socket.exceptionHandler(e -> LOG.debug("{}: {}", peer(), e.toString()));
    socket.closeHandler(ignored -> endNow());
    ByteBuf greeting = allocator.buffer();
    Negotiation.greet(greeting);
    netty.writeAndFlush(greeting);
    negotiationLimit =
        netty
            .executor()
            .schedule(this::endIfNegotiating, options.patience().toMillis(), TimeUnit.MILLISECONDS);
  }

  private void endIfNegotiating() {
    if (transmission == null) {
      LOG.warn(PEER, "NBD client {} has not come to use an export in time; closing", peer());
      netty.close();
    }
  }

  /** Completes when the client is gone and nothing of it is in memory or under way. */
  Future<Void> ended() {
    return ended.future();
  }

  /** Reads no more requests, and closes when those under way are answered. */
  void end() {
    netty
        .executor()
        .execute(
            () -> {
              if (transmission == null) {
                netty.close();
              }
              endNow();
            });
  }

  /** Hangs up at once. On any thread. */
  void drop() {
    netty.close();
  }

  /** Gives up what {@link #start} has begun in vain; on the socket's event loop. */
  void abandon() {
    netty.close();
    endNow();
  }

  /** The client's address, of which there may be several clients. */
  String host() {
    return String.valueOf(socket.remoteAddress() == null ? null : socket.remoteAddress().host());
  }

  /** Takes a place of the store for this client. */
  private boolean enter(BlockStore store) {
    Optional<Served> by = served.apply(store);
    if (by.isPresent() && by.get().enter(this)) {
      place = by.get();
      return true;
    }
    LOG.warn(
        PEER,
        "turned away NBD client {}: its export takes no more than {} (nbd.clientsPerExport)",
        peer(),
        options.clientsPerExport());
    return false;
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
        input.add(bytes);
        if (transmission != null) {
          transmission.pace.received(bytes.readableBytes());
        }
        readRequests();
      }
    } catch (ProtocolException | OutOfMemoryError e) {
      failed(e);
    }
  }

  /** Whatever the client did or wants cannot be served: there is no answer but to hang up. */
  private void failed(Throwable cause) {
    if (cause instanceof ProtocolException) {
      LOG.warn(PEER, "NBD client {} broke the protocol: {}; closing", peer(), cause.getMessage());
    } else {
      LOG.warn(PEER, "no memory for a request of NBD client {}; closing", peer(), cause);
    }
    netty.close();
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
      chosen.run();
      transmit(negotiation.agreement().orElseThrow());
      negotiated = null;
      input.add(in);
      readRequests();
    }
  }

  private void transmit(Agreement agreement) {
    Served by = place;
    if (by == null) {
      throw new IllegalStateException("an agreement without a place");
    }
    LOG.info(PEER, "NBD client {} uses export '{}'", peer(), agreement.name());
    Admission admission =
        new Admission(by.memory(), options.maxBytesInFlight(), netty.executor(), this::resume);
    RequestDecoder decoder = new RequestDecoder(allocator, admission::admit);
    Command command = new Command(agreement, allocator);
    WorkQueue queue = new WorkQueue(by.workers(), options.workers(), this::serve);
    Pace pace = new Pace();
    Outbox outbox =
        new Outbox(netty, pace, (replies, cost) -> sent(pace, admission, replies, cost));
    transmission = new Transmission(decoder, command, queue, admission, pace, outbox);
    reception.receiveFor(decoder);
    long period = options.patience().toMillis();
    // With a fixed delay: a process that was stopped for a while does not catch up with looks.
    stallCheck =
        netty
            .executor()
            .scheduleWithFixedDelay(this::endIfSlow, period, period, TimeUnit.MILLISECONDS);
  }

  private void endIfSlow() {
    Transmission of = transmission;
    if (of != null) {
      of.pace
          .look(
              of.decoder.payload(),
              netty.channel().unsafe().outboundBuffer(),
              options.leastMoved(of.admission.inFlight()))
          .ifPresent(
              what -> {
                LOG.warn(
                    PEER,
                    "NBD client {} {} too slowly, while others may wait for its memory; closing",
                    peer(),
                    what);
                netty.close();
              });
    }
  }

  private void readRequests() throws ProtocolException {
    Transmission to = transmission;
    Channel channel = netty.channel();
    while (to != null && !ending) {
      ByteBuf in = input.isEmpty() ? Unpooled.EMPTY_BUFFER : input.element();
      for (Request request; !ending && (request = to.decoder.next(in)) != null; ) {
        if (request.type() == Nbd.CMD_DISC) {
          to.admission.done(request.cost());
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
    of.outbox.add(bytes, request.cost());
  }

  private void sent(Pace pace, Admission admission, int replies, long cost) {
    requestsInFlight -= replies;
    pace.sent(replies);
    admission.done(cost);
    resume();
    endWhenIdle();
  }

  private void resume() {
    try {
      readRequests();
    } catch (ProtocolException | OutOfMemoryError e) {
      failed(e);
    }
  }

  private void endNow() {
    ending = true;
    if (transmission != null) {
      transmission.admission.end();
    }
    dropInput();
    endWhenIdle();
  }

  private void endWhenIdle() {
    if (ending && requestsInFlight == 0) {
      if (transmission != null) {
        transmission.admission.clear();
      }
      Served left = place;
      if (left != null) {
        left.leave(this);
      }
      socket.close();
      // A client that does not take the last words of a negotiation keeps its place until it is
      // cut.
      if (transmission != null || !netty.channel().isOpen()) {
        if (negotiationLimit != null) {
          negotiationLimit.cancel(false);
        }
        if (stallCheck != null) {
          stallCheck.cancel(false);
        }
        ended.tryComplete();
      }
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
