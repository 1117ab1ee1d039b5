package io.blkcast.replicator;

import static io.blkcast.client.IncrementException.Code.REFUSED;
import static io.blkcast.client.IncrementException.Code.SINK;

import io.blkcast.client.IncrementException;
import io.blkcast.client.IncrementSink;
import io.blkcast.client.Position;
import io.blkcast.config.OwnFiles;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Applies increments to a raw image or a block device.
 *
 * <p>Before the first write of an increment the state file says, durably, that it is being applied;
 * after the last one the target is synced, and then the state file says that it was applied. A
 * crash in between is repaired by applying the same increment again.
 */
public final class ReplicaSink implements IncrementSink, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ReplicaSink.class);

  private final Target target;
  private final Path stateFile;
  private final String volume;
  private @Nullable ReplicaState state;
  private long capacity;

  private ReplicaSink(Target target, Path stateFile, String volume, @Nullable ReplicaState state) {
    this.target = target;
    this.stateFile = stateFile;
    this.volume = volume;
    this.state = state;
  }

  /**
   * Opens a target and locks it.
   *
   * @param path image file, made if missing, or block device
   * @param stateFile where the replica's state is kept
   * @param overwrite take over a target that holds data of others, and begin anew
   * @throws IncrementException {@code REFUSED} where the target holds data that no replicator of
   *     this volume wrote; {@code SINK} where it cannot be opened, or is locked
   */
  public static ReplicaSink open(Path path, Path stateFile, String volume, boolean overwrite)
      throws IncrementException {
    try {
      OwnFiles.requirePlace(path);
      OwnFiles.requirePlace(stateFile);
      OwnFiles.require(stateFile);
      Target target = Target.open(path);
      try {
        Optional<ReplicaState> state = ReplicaState.load(stateFile);
        Optional<ReplicaState> usable = usable(target, state, volume, overwrite);
        return new ReplicaSink(target, stateFile, volume, usable.orElse(null));
      } catch (IOException | IncrementException e) {
        target.close();
        throw e;
      }
    } catch (IOException e) {
      throw new IncrementException(SINK, "cannot open the replica: " + e.getMessage(), e);
    }
  }

  private static Optional<ReplicaState> usable(
      Target target, Optional<ReplicaState> state, String volume, boolean overwrite)
      throws IOException, IncrementException {
    if (target.size() == 0) {
      if (state.isPresent()) {
        LOG.warn("{} is empty: beginning anew with a BASELINE", target.path());
      }
      return Optional.empty();
    }
    Optional<String> objection =
        state.isEmpty()
            ? Optional.of("holds data that no replicator wrote")
            : objection(target, state.get(), volume);
    if (objection.isEmpty()) {
      return state;
    }
    if (!overwrite) {
      throw new IncrementException(
          REFUSED,
          target.path()
              + " "
              + objection.get()
              + ": choose another target, or give --overwrite to replace its content");
    }
    LOG.warn("{} {}: overwriting it, as asked", target.path(), objection.get());
    return Optional.empty();
  }

  private static Optional<String> objection(Target target, ReplicaState state, String volume)
      throws IOException {
    if (!state.volume().equals(volume)) {
      return Optional.of("is a replica of volume " + state.volume());
    }
    Position applied = state.applied();
    if (applied == null || state.applying() != null) {
      return Optional.empty();
    }
    boolean sizeFits =
        target.isDevice()
            ? target.size() >= applied.capacityBytes()
            : target.size() == applied.capacityBytes();
    if (!sizeFits) {
      return Optional.of(
          "has %d bytes where the replica had %d"
              .formatted(target.size(), applied.capacityBytes()));
    }
    if (!Fingerprint.of(target, applied.capacityBytes()).equals(state.fingerprint())) {
      return Optional.of("was written to by others since the last increment was applied");
    }
    return Optional.empty();
  }

  @Override
  public State state() {
    return state == null
        ? State.EMPTY
        : new State(Optional.ofNullable(state.applied()), Optional.ofNullable(state.applying()));
  }

  @Override
  public void check(IncrementCommitted manifest) throws IncrementException {
    if (!target.isDevice()) {
      return;
    }
    try {
      if (target.size() < manifest.getVolumeCapacityBytes()) {
        throw new IncrementException(
            REFUSED,
            "%s has %d bytes, volume %s has %d: use a device of at least that size"
                .formatted(
                    target.path(),
                    target.size(),
                    manifest.getVolume(),
                    manifest.getVolumeCapacityBytes()));
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  @Override
  public void begin(IncrementCommitted manifest) throws IncrementException {
    check(manifest);
    try {
      capacity = manifest.getVolumeCapacityBytes();
      save(
          new ReplicaState(
              ReplicaState.FORMAT,
              volume,
              state == null ? null : state.applied(),
              Position.of(manifest),
              null));
      if (!target.isDevice() && manifest.getKind() == IncrementKind.BASELINE) {
        target.resize(capacity);
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  @Override
  public void data(long offset, ByteBuffer content) throws IncrementException {
    checkBounds(offset, content.remaining());
    try {
      target.write(offset, content);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  @Override
  public void zero(long offset, long length) throws IncrementException {
    checkBounds(offset, length);
    try {
      target.zero(offset, length);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /** The client has checked this; a write out of bounds is worth a second look all the same. */
  private void checkBounds(long offset, long length) throws IncrementException {
    if (offset < 0 || length < 0 || length > capacity || offset > capacity - length) {
      throw new IncrementException(
          REFUSED,
          "%d bytes at %d lie outside the volume of %d".formatted(length, offset, capacity));
    }
  }

  @Override
  public void commit(IncrementCommitted manifest) throws IncrementException {
    try {
      target.sync();
      save(
          new ReplicaState(
              ReplicaState.FORMAT,
              volume,
              Position.of(manifest),
              null,
              Fingerprint.of(target, capacity)));
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private void save(ReplicaState next) throws IOException {
    next.save(stateFile);
    state = next;
  }

  private IncrementException failed(IOException e) {
    return new IncrementException(SINK, "cannot write " + target.path() + ": " + e.getMessage(), e);
  }

  @Override
  public void close() {
    try {
      target.close();
    } catch (IOException e) {
      LOG.warn("{} not closed: {}", target.path(), e.toString());
    }
  }
}
