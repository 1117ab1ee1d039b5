package io.blkcast.replicator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.blkcast.client.Position;
import io.blkcast.config.FileReplacement;
import io.blkcast.config.OwnFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a replica holds, as kept in a file beside it.
 *
 * @param format version of this file's layout
 * @param volume volume that it is a replica of
 * @param applied last increment applied wholly, null before the first
 * @param applying increment begun after it, null when none is: if set, the replica equals no
 *     snapshot
 * @param fingerprint {@link Fingerprint} of the replica when {@code applied} was finished
 */
public record ReplicaState(
    int format,
    String volume,
    @Nullable Position applied,
    @Nullable Position applying,
    @Nullable String fingerprint) {

  static final int FORMAT = 1;

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /**
   * Where the state of a target is kept unless told otherwise: beside an image, in {@code
   * /var/lib/blkcast/replicas} for what lies in {@code /dev}.
   */
  public static Path defaultFile(Path target) {
    Path absolute = target.toAbsolutePath().normalize();
    return absolute.startsWith("/dev")
        ? Path.of(
            "/var/lib/blkcast/replicas",
            absolute.toString().substring(5).replace('/', '-') + ".json")
        : absolute.resolveSibling(absolute.getFileName() + ".blkcast.json");
  }

  /** The state in the file; empty where there is no such file. */
  public static Optional<ReplicaState> load(Path file) throws IOException {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    try {
      ReplicaState state = JSON.readValue(bytes, ReplicaState.class);
      if (state.format() != FORMAT) {
        throw new IOException(
            "%s has format %d, this version knows %d: use the version that wrote it"
                .formatted(file, state.format(), FORMAT));
      }
      return Optional.of(state);
    } catch (JsonProcessingException e) {
      throw new IOException(
          "%s is damaged: delete it and begin anew with --overwrite".formatted(file), e);
    }
  }

  /** Replaces the file: after a crash there is either the old state or this one. */
  void save(Path file) throws IOException {
    Path dir = file.toAbsolutePath().getParent();
    if (dir == null) {
      throw new IOException(file + " cannot hold a state");
    }
    OwnFiles.createDirectories(dir);
    FileReplacement.replaceDurably(file, JSON.writeValueAsBytes(this));
  }
}
