package io.blkcast.exporter.hook;

import io.blkcast.exporter.increment.Quiescer;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.file.OwnFiles;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Commands of the operator's around a snapshot: {@code before} makes applications quiet, {@code
 * after} lets them go on.
 *
 * <p>What {@code before} has frozen is thawed within the limit whatever dies: {@code after} is only
 * ever run by a {@link ThawGuard}, started before {@code before} is, and what not even that could
 * do is done at the next start ({@link #recover}). A snapshot counts as consistent only if the
 * guard says that it had not run {@code after} when it was asked to, after the take.
 */
public final class Hooks implements Quiescer {

  private static final Logger LOG = LoggerFactory.getLogger(Hooks.class);

  private final HookSettings settings;

  public Hooks(HookSettings settings) {
    this.settings = settings;
  }

  /** Runs what a process that was killed has left to do. Blocks; once, at the start. */
  public static void recover(Path directory) throws IOException {
    OwnFiles.claimDirectory(directory);
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*.pending")) {
      files.forEach(ThawGuard::runPending);
    }
  }

  @Override
  public Hold quiesce(List<String> volumes) throws SourceException {
    String names = String.join(" ", volumes);
    ThawGuard guard;
    try {
      OwnFiles.claimDirectory(settings.directory());
      OwnFiles.replace(settings.afterOutput()).close();
      PendingThaw.of(settings).write(settings.pendingFile());
      guard = ThawGuard.start(settings, names);
    } catch (IOException e) {
      return failed("the guard of the thaw cannot be started: " + e.getMessage());
    }
    if (!settings.before().isEmpty()) {
      try {
        Commands.run(
            settings.before(), settings.timeout(), settings.beforeOutput(), settings.name(), names);
      } catch (IOException e) {
        guard.thaw();
        return failed("the command before the snapshot: " + e.getMessage());
      }
    }
    return () -> guard.thaw() ? settings.level() : Level.NONE;
  }

  private Hold failed(String why) throws SourceException {
    if (settings.required()) {
      throw new SourceException(
          Code.BUSY,
          settings.name()
              + ": "
              + why
              + ". No snapshot is taken without it; tried again. Mend the command, or set"
              + " 'required: false' for its hooks");
    }
    LOG.warn("{}: {}; the snapshot is taken without it", settings.name(), why);
    return () -> Level.NONE;
  }
}
