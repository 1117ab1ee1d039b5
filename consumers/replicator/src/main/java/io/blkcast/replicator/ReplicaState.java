package io.blkcast.replicator;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.blkcast.client.Position;
import io.blkcast.file.FileReplacement;
import io.blkcast.file.OwnFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
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
 * @param fingerprint {@link Fingerprint} of the replica when {@code applied} was finished; null
 *     since format 2
 * @param target what identifies the target; null in format 1
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ReplicaState(
    int format,
    String volume,
    @Nullable Position applied,
    @Nullable Position applying,
    @Nullable String fingerprint,
    @Nullable Held target) {

  static final int FORMAT = 2;
  static final int FORMAT_BY_FINGERPRINT = 1;

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /**
   * What is known of the target.
   *
   * @param identity the file or device
   * @param sizeBytes its size; before it was resized, while a BASELINE of another size is applied
   * @param samples hash of the sector at each offset, as of {@link Samples}; of what was there
   *     before, while an increment is applied
   * @param next hash that the increment under way leaves there, for those that it writes
   */
  record Held(
      TargetIdentity identity, long sizeBytes, Map<Long, String> samples, Map<Long, String> next) {}

  ReplicaState(
      String volume, @Nullable Position applied, @Nullable Position applying, Held target) {
    this(FORMAT, volume, applied, applying, null, target);
  }

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

  /**
   * The state in the file; empty where there is no such file.
   *
   * @throws DamagedException where the file holds no state
   * @throws IOException where it cannot be read, or is of another version
   */
  public static Optional<ReplicaState> load(Path file) throws IOException {
    try {
      return Optional.of(parse(file, Files.readAllBytes(file)));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  private static ReplicaState parse(Path file, byte[] bytes) throws IOException {
    try {
      JsonNode tree = JSON.readTree(bytes);
      int format = tree.path("format").asInt();
      if (format < 1) {
        throw new DamagedException(file, null);
      }
      if (format > FORMAT) {
        throw new IOException(
            "%s has format %d, this version knows %d: use the version that wrote it"
                .formatted(file, format, FORMAT));
      }
      ReplicaState state = JSON.treeToValue(tree, ReplicaState.class);
      if (!state.isWhole()) {
        throw new DamagedException(file, null);
      }
      return state;
    } catch (JsonProcessingException e) {
      throw new DamagedException(file, e);
    }
  }

  // Jackson leaves null what the file has not.
  @SuppressWarnings("ConstantValue")
  private boolean isWhole() {
    return volume != null
        && (applied != null || applying != null)
        && isWhole(applied)
        && isWhole(applying)
        && (format == FORMAT_BY_FINGERPRINT
            || target != null
                && target.identity() != null
                && target.identity().lasting() != null
                && target.identity().passing() != null
                && target.samples() != null
                && target.next() != null);
  }

  @SuppressWarnings("ConstantValue")
  private static boolean isWhole(@Nullable Position position) {
    return position == null
        || position.volume() != null
            && position.incrementId() != null
            && position.chainDigest() != null
            && position.capacityBytes() > 0;
  }

  /** The bytes that {@link #save} writes. */
  byte[] toBytes() throws IOException {
    return JSON.writeValueAsBytes(this);
  }

  /** Replaces the file: after a crash there is either the old state or this one. */
  void save(Path file) throws IOException {
    Path dir = file.toAbsolutePath().getParent();
    if (dir == null) {
      throw new IOException(file + " cannot hold a state");
    }
    OwnFiles.createDirectories(dir);
    FileReplacement.replaceDurably(file, toBytes());
  }

  /** The state file holds something else than a state. */
  static final class DamagedException extends IOException {
    private static final long serialVersionUID = 1L;

    DamagedException(Path file, @Nullable Throwable cause) {
      super(
          file
              + " is damaged: it holds no state of a replica. Put back an undamaged copy, or begin"
              + " anew with --overwrite",
          cause);
    }
  }
}
