package io.blkcast.nbd;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Memory that the connections of a server share, fairly by export.
 *
 * <p>A part is reserved, in equal shares, one for each export; the rest, enough for the largest
 * request, is common. An export takes from its own share first. So whatever the clients of one
 * export hold, requests that fit into the share of another are admitted at once. Those who find too
 * little left wait in line, each export in its own order. What becomes free goes to the export that
 * holds least, and a large request is not overtaken for ever.
 */
final class MemoryLimit {

  private record Waiting(Share share, long bytes, Runnable granted) {}

  private final long total;
  private final long reserved;
  private final Set<Share> shares = new LinkedHashSet<>();
  private final List<Waiting> line = new ArrayList<>();
  private int open;

  /**
   * @param bytes at least what one request may want
   * @param common of these, what is not reserved: at least what one request may want
   */
  MemoryLimit(long bytes, long common) {
    this.total = bytes;
    this.reserved = bytes - common;
  }

  /** A share for an export more; all others become smaller. */
  synchronized Share share() {
    Share share = new Share();
    shares.add(share);
    open++;
    return share;
  }

  private long reserve() {
    return open == 0 ? 0 : reserved / open;
  }

  private long commonLeft() {
    long left = total - open * reserve();
    for (Share share : shares) {
      left -= share.borrowed(0);
    }
    return left;
  }

  private void serveLine() {
    for (Optional<Waiting> next = next(); next.isPresent(); next = next()) {
      Waiting served = next.get();
      line.remove(served);
      served.share.held += served.bytes;
      served.granted.run();
    }
  }

  /**
   * Whoever is to be served now: the first of each export is asked, the one that holds least first.
   */
  private Optional<Waiting> next() {
    Set<Share> seen = new HashSet<>();
    List<Waiting> first =
        line.stream()
            .filter(waiting -> seen.add(waiting.share))
            .sorted(Comparator.comparingLong(waiting -> waiting.share.held))
            .toList();
    boolean commonIsWaitedFor = false;
    for (Waiting waiting : first) {
      long more = waiting.share.borrowed(waiting.bytes) - waiting.share.borrowed(0);
      if (more == 0 || (!commonIsWaitedFor && more <= commonLeft())) {
        return Optional.of(waiting);
      }
      commonIsWaitedFor = true;
    }
    return Optional.empty();
  }

  /** What one export may hold. */
  final class Share {

    private long held;
    private boolean closed;

    private Share() {}

    /** Of the common part, if so much more were held. */
    private long borrowed(long more) {
      return Math.max(0, held + more - (closed ? 0 : reserve()));
    }

    /**
     * Takes the bytes.
     *
     * @param granted called, on the thread of whoever gives back, once the bytes are taken for a
     *     caller that was told to wait
     * @return whether they are taken already; otherwise the caller waits in line
     */
    boolean take(long bytes, Runnable granted) {
      synchronized (MemoryLimit.this) {
        long more = borrowed(bytes) - borrowed(0);
        boolean free =
            more == 0
                ? line.stream().noneMatch(waiting -> waiting.share == this)
                : line.isEmpty() && more <= commonLeft();
        if (free) {
          held += bytes;
        } else {
          line.add(new Waiting(this, bytes, granted));
        }
        return free;
      }
    }

    /** Gives bytes back that were taken. */
    void giveBack(long bytes) {
      synchronized (MemoryLimit.this) {
        held -= bytes;
        if (closed && held == 0) {
          shares.remove(this);
        }
        serveLine();
      }
    }

    /** The export is offered no more: what is reserved for it goes to the others. */
    void close() {
      synchronized (MemoryLimit.this) {
        if (!closed) {
          closed = true;
          open--;
          if (held == 0) {
            shares.remove(this);
          }
          serveLine();
        }
      }
    }
  }
}
