package io.blkcast.cli;

import io.blkcast.replicator.ReplicaState;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which replica a command is about. */
final class TargetOptions {

  @Option(
      names = "--target",
      required = true,
      paramLabel = "FILE|DEVICE",
      description = "Raw image file, made if missing, or block device.")
  private Path target = Path.of("");

  @Option(
      names = "--state",
      paramLabel = "FILE",
      description =
          "Where the replica's position is kept, and temporary files beside it; by default beside"
              + " an image, for a device in /var/lib/blkcast/replicas.")
  private @Nullable Path state;

  Path target() {
    return target;
  }

  Path state() {
    return state == null ? ReplicaState.defaultFile(target) : state;
  }

  /** Where temporary files have room: beside the state, as the system's own may be in memory. */
  Path stateDirectory() {
    return state().toAbsolutePath().resolveSibling("");
  }
}
