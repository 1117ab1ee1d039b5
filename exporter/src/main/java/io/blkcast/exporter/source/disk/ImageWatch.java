package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Notices when something else changes an image that is open: writes to it, cuts or grows it, or
 * puts another file in its place. Own writes are told by {@link #wrote}; what they do not explain
 * is doubt. Costs an own write a look at the clock.
 */
final class ImageWatch {

  private final SparseFile image;
  private final Path path;
  private final ImageProbe probe;
  private final Clock clock;
  private final boolean ourClock;

  /** End of the last own write since the last look, in milliseconds since 1970; 0 for none. */
  private final AtomicLong lastWrite = new AtomicLong();

  private volatile ImageMark last;
  private volatile boolean away;
  private volatile boolean metEnd;
  private long lastWriteAtBeat;

  /**
   * What a look has found.
   *
   * @param image as it is
   * @param doubt why history may be broken since the last look; empty where it is not
   * @param refusal why no snapshot may be taken; empty where one may
   */
  record Look(ImageMark image, Optional<String> doubt, Optional<SourceException> refusal) {}

  ImageWatch(SparseFile image, Path path, ImageProbe probe, Clock clock) throws IOException {
    this.image = image;
    this.path = path;
    this.probe = probe;
    this.clock = clock;
    this.ourClock = probe.stampsByOurClock(path);
    this.last = probe.of(image);
  }

  /** The image as it was at the last look. */
  ImageMark image() {
    return last;
  }

  /** What the image proves of a history that was saved. */
  PersistentChangeMap.Proof proof(UUID session) {
    return new PersistentChangeMap.Proof() {
      @Override
      public ImageMark image() {
        return last;
      }

      @Override
      public Optional<String> doubt(ChangeMapHeader saved) {
        return Continuity.atOpen(saved, last, session, clock.millis(), ourClock);
      }
    };
  }

  /** An own write has ended, well or not. Called before the gate lets a look pass. */
  void wrote() {
    long now = clock.millis();
    if (now > lastWrite.get()) {
      lastWrite.accumulateAndGet(now, Math::max);
    }
  }

  /** A read met the end of the image. */
  void metEnd() {
    metEnd = true;
  }

  /** Takes the image as it is for what it should be, after an own change of its size. */
  ImageMark accept() throws IOException {
    lastWrite.set(0);
    last = probe.of(image);
    return last;
  }

  /**
   * Whether to {@link #look}: something seems to be wrong, or own writes have paused, so that what
   * they explain comes to an end. For one thread, with writes going on.
   */
  boolean isDue() throws IOException {
    long wrote = lastWrite.get();
    boolean paused = wrote != 0 && wrote == lastWriteAtBeat;
    lastWriteAtBeat = wrote;
    ImageMark found = probe.of(image);
    if (metEnd || paused || isAway(found) != away) {
      return true;
    }
    return wrote == 0 ? !found.equals(last) : found.size() != last.size();
  }

  /**
   * Compares the image with what own writes explain. No own write is under way.
   *
   * @param capacity bytes that are served
   */
  Look look(long capacity) throws IOException {
    ImageMark found = probe.of(image);
    boolean nowAway = isAway(found);
    long wrote = lastWrite.getAndSet(0);
    boolean wasCut = last.size() < capacity;
    ImageMark expected = last;
    if (wasCut && wrote != 0 && found.size() > last.size() && found.size() <= capacity) {
      // An image that was cut grows again by own writes beyond its end.
      expected = expected.withSize(found.size());
    }
    Optional<String> doubt = Continuity.whileOpen(expected, found, wrote, clock.millis(), ourClock);
    if (metEnd && doubt.isEmpty() && !wasCut) {
      doubt = Optional.of("something else cut the image and grew it again: a read met its end");
    }
    metEnd = false;
    if (nowAway && !away) {
      doubt = Optional.of(path + " is not the file any more that is served");
    } else if (found.size() > capacity && doubt.isPresent()) {
      doubt =
          doubt.map(
              reason ->
                  reason
                      + ", of which "
                      + capacity
                      + " are served and published; restart the exporter to serve all");
    }
    away = nowAway;
    last = found;
    return new Look(found, doubt, refusal(found, capacity));
  }

  private boolean isAway(ImageMark open) throws IOException {
    Optional<ImageMark> named = probe.at(path);
    return named.isEmpty() || !named.get().isSameFile(open);
  }

  private Optional<SourceException> refusal(ImageMark found, long capacity) {
    if (away) {
      return Optional.of(
          new SourceException(
              Code.GONE,
              path
                  + " is not the file any more that is served: it was moved, deleted or mounted"
                  + " over. The file that was there is still served, but not published. Put it back,"
                  + " or restart the exporter to serve what is there now"));
    }
    if (found.size() < capacity) {
      return Optional.of(
          new SourceException(
              Code.IO,
              path
                  + " has only "
                  + found.size()
                  + " of "
                  + capacity
                  + " bytes: something cut it. Reads beyond its end fail, and nothing is published."
                  + " Restore the image and restart the exporter"));
    }
    return Optional.empty();
  }
}
