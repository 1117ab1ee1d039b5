package io.blkcast.exporter.source.disk;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * Whether what is found of an image is explained by what its tracker did. Each answer is the reason
 * for doubt, for people; empty where there is none.
 *
 * <p>A change moves the file's ctime to the time it is made at, or a tick of the kernel before. So
 * a ctime later than the last own write shows a change by something else. A change that something
 * else makes before an own write of the same moment does not show.
 */
final class Continuity {

  /** A clock that is corrected by less was not set. */
  static final long CORRECTION_MILLIS = 1000;

  private Continuity() {}

  /**
   * Whether the history that was saved holds for the image that is there.
   *
   * @param found the image before anything of ours touched it
   * @param session this boot of the machine
   * @param nowMillis time in milliseconds since 1970
   * @param ourClock {@link ImageProbe#stampsByOurClock}
   */
  static Optional<String> atOpen(
      ChangeMapHeader saved, ImageMark found, UUID session, long nowMillis, boolean ourClock) {
    boolean sameBoot = saved.session().equals(session);
    ImageMark last = saved.image();
    if (!saved.clean() && !sameBoot) {
      return Optional.of("the machine went down before the volume was closed");
    }
    if (!(sameBoot ? last.isSameFile(found) : last.isSameFileAfterBoot(found))) {
      return Optional.of("the image is another file than the one that was tracked");
    }
    if (last.size() != found.size()) {
      return Optional.of(resized(last, found));
    }
    if (saved.clean() || saved.writingUntil() == 0) {
      return last.changed() == found.changed() ? Optional.empty() : Optional.of(touched(found));
    }
    if (!ourClock) {
      return Optional.of(
          "the exporter ended while the volume was written to, and the image's filesystem does not"
              + " tell whether anything else wrote to it since");
    }
    if (found.changed() < last.changed() - nanos(CORRECTION_MILLIS)
        || nowMillis < millis(last.changed()) - CORRECTION_MILLIS) {
      return Optional.of("the clock was set back while the volume was not served");
    }
    return found.changed() <= nanos(saved.writingUntil())
        ? Optional.empty()
        : Optional.of(touched(found));
  }

  /**
   * Whether own writes explain what changed since the image was last looked at. No own write is
   * under way.
   *
   * @param last the image as it was then
   * @param found the image as it is
   * @param lastWrite time of the end of the last own write, in milliseconds since 1970, rounded
   *     down; 0 for none since then
   */
  static Optional<String> whileOpen(
      ImageMark last, ImageMark found, long lastWrite, long nowMillis, boolean ourClock) {
    if (last.size() != found.size()) {
      return Optional.of(resized(last, found));
    }
    if (!ourClock) {
      return Optional.empty();
    }
    if (lastWrite == 0) {
      return last.changed() == found.changed() ? Optional.empty() : Optional.of(touched(found));
    }
    if (nowMillis < lastWrite - CORRECTION_MILLIS
        || found.changed() < last.changed() - nanos(CORRECTION_MILLIS)) {
      return Optional.of("the clock was set back while the volume was served");
    }
    return found.changed() <= nanos(lastWrite + 1) ? Optional.empty() : Optional.of(touched(found));
  }

  private static String resized(ImageMark last, ImageMark found) {
    return "something else changed the image's size from "
        + last.size()
        + " to "
        + found.size()
        + " bytes";
  }

  private static String touched(ImageMark found) {
    return "something else changed the image or its attributes at "
        + Instant.ofEpochSecond(0, found.changed());
  }

  private static long nanos(long millis) {
    return TimeUnit.MILLISECONDS.toNanos(millis);
  }

  private static long millis(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(nanos);
  }
}
