package io.blkcast.exporter.increment;

import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.exporter.source.Snapshot.Image;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Carries the pieces of one increment from the image to Kafka. Four things overlap: planning ahead,
 * reading (several at once), encoding and sending (one at a time, as planned), and waiting for
 * acknowledgements.
 *
 * <p>What is read and not yet acknowledged is bounded in bytes, those of the buffers, for this
 * volume and over all volumes, and in records. Only the bound holds the reader back: the queues in
 * here are no longer than it allows. All fields but those of acknowledgements belong to the loop;
 * reading and sending happen in pools.
 */
final class Pipeline {

  /** What came of a piece; called on the loop. */
  interface Listener {
    /**
     * Kafka has the piece.
     *
     * @param payload bytes sent for it
     */
    void acknowledged(long offset, long length, int payload);

    /** Whether no more should be read for now; {@link Pipeline#pump} is called when it may. */
    boolean busy();
  }

  /** Pieces planned at a time: one asking for holes serves many. */
  private static final int PLAN = 64;

  /**
   * Bytes that one request reads, of pieces side by side: with 256 KiB at a time an image is read
   * at half the rate of 1 MiB at a time ({@code ModuleBench read}).
   */
  private static final int READ = 1 << 20;

  /** Records sent in one go, so that one hop to the pool serves several. */
  private static final int SEND = 16;

  /** Most records between being started and acknowledged; matters for small ones. */
  private static final int MOST_RECORDS = 1024;

  private static final class Item {
    final Piece piece;

    /** Bytes that are in flight for it: a whole buffer. */
    final int cost;

    @Nullable ByteBuffer buffer;
    boolean ready;
    boolean acknowledged;

    Item(Piece piece, int cost) {
      this.piece = piece;
      this.cost = cost;
    }

    int bytes() {
      return piece instanceof Piece.Data data ? data.length() : 0;
    }
  }

  private record Acknowledgement(Item item, int payload, @Nullable Throwable error) {}

  private final Loop loop;
  private final Image image;
  private final Planner planner;
  private final Attempt attempt;
  private final InFlightBudget budget;
  private final BufferPool buffers;
  private final Listener listener;
  private final int chunk;
  private final long usualLimit;
  private final int usualReaders;
  private long limit;
  private int readers;

  private final Deque<Piece> planned = new ArrayDeque<>();
  private final Deque<Item> unsent = new ArrayDeque<>();
  private final Deque<Item> unacknowledged = new ArrayDeque<>();
  private final Queue<Acknowledgement> acknowledgements = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean acknowledging = new AtomicBoolean();
  private final Promise<Void> done = Promise.promise();
  private boolean planning;
  private boolean planComplete;
  private boolean sending;
  private boolean checking;
  private boolean checked;
  private boolean waitingForBudget;
  private long grantedBytes;
  private int reading;
  private int unacknowledgedCount;
  private long inFlight;
  private volatile @Nullable Throwable failure;

  /**
   * @param limit bytes that may be in flight for this volume
   * @param readers reads at once for this volume
   */
  Pipeline(
      Loop loop,
      Image image,
      Planner planner,
      Attempt attempt,
      InFlightBudget budget,
      BufferPool buffers,
      Listener listener,
      int chunk,
      long limit,
      int readers) {
    this.loop = loop;
    this.image = image;
    this.planner = planner;
    this.attempt = attempt;
    this.budget = budget;
    this.buffers = buffers;
    this.listener = listener;
    this.chunk = chunk;
    this.usualLimit = limit;
    this.usualReaders = readers;
    this.limit = limit;
    this.readers = readers;
  }

  /** Reads so many times as much at once as usual, and lets as much be in flight. */
  void hurry(int times) {
    limit = usualLimit * times;
    readers = usualReaders * times;
    pump();
  }

  /**
   * Carries everything over.
   *
   * @return completes when Kafka has acknowledged all, and the image was still sound after the last
   *     read; fails with the first failure. Either way, nothing uses image or attempt any more
   */
  Future<Void> run() {
    pump();
    return done.future();
  }

  /** Gives up; {@link #run} fails with the cause once nothing is under way any more. */
  void cancel(Throwable cause) {
    fail(cause);
    pump();
  }

  /** Does what can be done now. Called again whenever something has come to an end. */
  void pump() {
    if (done.future().isComplete()) {
      return;
    }
    if (failure == null) {
      plan();
    }
    while (failure == null && startNext()) {
      // one more is under way
    }
    if (failure != null) {
      settle();
      return;
    }
    send();
    finish();
  }

  private void plan() {
    if (planning || planComplete || planned.size() > PLAN / 2) {
      return;
    }
    planning = true;
    loop.blocking(Pool.READ, () -> planner.next(PLAN))
        .onComplete(
            pieces -> {
              planning = false;
              if (pieces.failed()) {
                fail(pieces.cause());
              } else {
                planned.addAll(pieces.result());
                planComplete = pieces.result().isEmpty();
              }
              pump();
            });
  }

  private boolean startNext() {
    Piece piece = planned.peek();
    if (piece == null || unacknowledgedCount >= MOST_RECORDS || listener.busy()) {
      return false;
    }
    if (!(piece instanceof Piece.Data)) {
      Item item = started(piece);
      item.ready = true;
      return true;
    }
    if (reading >= readers || waitingForBudget) {
      return false;
    }
    List<Piece.Data> run = sideBySide();
    if (run.isEmpty()) {
      return false;
    }
    int cost = cost(run);
    if (!reserve(cost)) {
      return false;
    }
    inFlight += cost;
    read(run.stream().map(this::started).toList(), run.get(0).offset());
    return true;
  }

  /** Takes the head of the plan, which is now under way. */
  private Item started(Piece piece) {
    Item item = new Item(piece, piece instanceof Piece.Data data ? cost(data) : 0);
    planned.remove();
    unsent.add(item);
    unacknowledgedCount++;
    return item;
  }

  /** What one request can read of the head of the plan; empty if its first piece must wait. */
  private List<Piece.Data> sideBySide() {
    long most = grantedBytes > 0 ? grantedBytes : Math.min(READ, budget.limit());
    List<Piece.Data> run = new ArrayList<>();
    long cost = 0;
    long end = -1;
    for (Piece piece : planned) {
      if (!(piece instanceof Piece.Data data)
          || (!run.isEmpty() && (data.offset() != end || cost + cost(data) > most))
          || (inFlight + cost > 0 && inFlight + cost + cost(data) > limit)
          || unacknowledgedCount + run.size() >= MOST_RECORDS) {
        break;
      }
      run.add(data);
      cost += cost(data);
      end = data.offset() + data.length();
    }
    return run;
  }

  private int cost(Piece.Data data) {
    return BufferPool.capacityFor(data.length(), chunk);
  }

  private int cost(List<Piece.Data> run) {
    return run.stream().mapToInt(this::cost).sum();
  }

  private boolean reserve(int bytes) {
    if (grantedBytes > 0) {
      // A bound that was lowered meanwhile may have made the run shorter.
      budget.release(grantedBytes - bytes);
      grantedBytes = 0;
      return true;
    }
    waitingForBudget = !budget.acquire(bytes, () -> loop.execute(() -> granted(bytes)));
    return !waitingForBudget;
  }

  /** The grant is for a run at the head of the plan, which waits for nothing else. */
  private void granted(int bytes) {
    waitingForBudget = false;
    if (done.future().isComplete() || failure != null) {
      budget.release(bytes);
    } else {
      grantedBytes = bytes;
    }
    pump();
  }

  private void read(List<Item> items, long offset) {
    List<ByteBuffer> contents = new ArrayList<>(items.size());
    try {
      for (Item item : items) {
        ByteBuffer buffer = buffers.take(item.cost).limit(item.bytes());
        item.buffer = buffer;
        contents.add(buffer);
      }
    } catch (OutOfMemoryError e) {
      fail(e);
      return;
    }
    reading++;
    loop.perform(
            Pool.READ,
            () -> {
              if (failure == null) {
                image.read(offset, contents);
              }
            })
        .onComplete(
            result -> {
              reading--;
              if (result.failed()) {
                fail(result.cause());
              } else {
                contents.forEach(ByteBuffer::flip);
                items.forEach(item -> item.ready = true);
              }
              pump();
            });
  }

  private void send() {
    if (sending || unsent.isEmpty() || !unsent.element().ready) {
      return;
    }
    List<Item> batch = new ArrayList<>(SEND);
    for (Item head = unsent.peek();
        head != null && head.ready && batch.size() < SEND;
        head = unsent.peek()) {
      batch.add(head);
      unsent.remove();
      unacknowledged.add(head);
    }
    sending = true;
    loop.perform(Pool.SEND, () -> batch.forEach(this::send))
        .onComplete(
            result -> {
              sending = false;
              batch.forEach(this::giveBack);
              if (result.failed()) {
                fail(result.cause());
              }
              pump();
            });
  }

  /** In the pool. */
  private void send(Item item) {
    if (failure != null) {
      return;
    }
    CompletionStage<Integer> acknowledgement;
    if (item.piece instanceof Piece.Data data) {
      ByteBuffer content = item.buffer;
      if (content == null) {
        throw new IllegalStateException("sent before read");
      }
      attempt.ahead(data.ahead());
      acknowledgement = attempt.chunk(data.offset(), content);
    } else if (item.piece instanceof Piece.Zero zero) {
      attempt.ahead(zero.ahead());
      acknowledgement = attempt.zero(zero.offset(), zero.length());
    } else if (item.piece instanceof Piece.Extents extents) {
      acknowledgement = attempt.extents(extents.batch()).thenApply(ignored -> 0);
    } else {
      throw new IllegalStateException("no such piece");
    }
    acknowledgement.whenComplete(
        (payload, e) -> {
          acknowledgements.add(new Acknowledgement(item, payload == null ? 0 : payload, e));
          if (!acknowledging.getAndSet(true)) {
            loop.execute(this::acknowledged);
          }
        });
  }

  /** Whatever has come by now: one hop to the loop serves many. */
  private void acknowledged() {
    acknowledging.set(false);
    for (Acknowledgement next; (next = acknowledgements.poll()) != null; ) {
      acknowledged(next.item(), next.payload(), next.error());
    }
    pump();
  }

  private void acknowledged(Item item, int payload, @Nullable Throwable e) {
    if (e != null) {
      fail(e);
    } else if (!item.acknowledged && failure == null) {
      item.acknowledged = true;
      unacknowledgedCount--;
      landed(item);
      while (!unacknowledged.isEmpty() && unacknowledged.element().acknowledged) {
        unacknowledged.remove();
      }
      if (item.piece instanceof Piece.Data data) {
        listener.acknowledged(data.offset(), data.length(), payload);
      } else if (item.piece instanceof Piece.Zero zero) {
        listener.acknowledged(zero.offset(), zero.length(), 0);
      }
    }
  }

  /** After the last read, whatever was read is of the snapshot if the image is sound still. */
  private void finish() {
    if (!planComplete || !planned.isEmpty() || reading > 0) {
      return;
    }
    if (!checked) {
      if (!checking) {
        checking = true;
        loop.perform(Pool.READ, image::check)
            .onComplete(
                result -> {
                  checking = false;
                  checked = true;
                  if (result.failed()) {
                    fail(result.cause());
                  }
                  pump();
                });
      }
      return;
    }
    if (unacknowledgedCount == 0 && !sending) {
      done.complete();
    }
  }

  private void fail(Throwable cause) {
    if (failure == null) {
      failure = cause;
    }
  }

  /**
   * Ends a failed run once nothing is under way in the pools. What Kafka has not acknowledged is
   * written off: it is bounded by the producer's own memory.
   */
  private void settle() {
    if (planning || sending || checking || reading > 0) {
      return;
    }
    unsent.forEach(this::giveBack);
    unsent.clear();
    unacknowledged.clear();
    planned.clear();
    budget.release(inFlight + grantedBytes);
    inFlight = 0;
    grantedBytes = 0;
    done.fail(failure);
  }

  private void giveBack(Item item) {
    ByteBuffer buffer = item.buffer;
    if (buffer != null) {
      item.buffer = null;
      buffers.give(buffer);
      landed(item);
    }
  }

  /** An acknowledgement may be there before the buffer is back: both must be. */
  private void landed(Item item) {
    if (item.acknowledged && item.buffer == null && item.cost > 0) {
      inFlight -= item.cost;
      budget.release(item.cost);
    }
  }
}
