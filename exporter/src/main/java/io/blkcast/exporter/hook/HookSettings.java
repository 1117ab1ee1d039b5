package io.blkcast.exporter.hook;

import io.blkcast.exporter.increment.Quiescer.Level;
import java.nio.file.Path;
import java.time.Duration;

/**
 * The hooks of one group, or of one volume on its own.
 *
 * @param name of the group or volume
 * @param before shell command that makes quiet; empty for none
 * @param after shell command that undoes it; it has to do no harm when nothing is to be undone, for
 *     it may run twice
 * @param timeout for each of the two, after which it is killed
 * @param limit longest time from the start of {@code before} to the start of {@code after},
 *     whatever has died or hangs
 * @param level what {@code before} achieves when it succeeds
 * @param required whether a snapshot is not to be taken where {@code before} fails
 * @param directory for what must outlive this process
 */
public record HookSettings(
    String name,
    String before,
    String after,
    Duration timeout,
    Duration limit,
    Level level,
    boolean required,
    Path directory) {

  /** What the {@code after} command is remembered in while something may be frozen. */
  Path pendingFile() {
    return directory.resolve(name + ".pending");
  }

  Path beforeOutput() {
    return directory.resolve(name + ".before.out");
  }

  Path afterOutput() {
    return directory.resolve(name + ".after.out");
  }
}
