package io.blkcast.replicator;

import static io.blkcast.client.IncrementException.Code.REFUSED;
import static io.blkcast.client.IncrementException.Code.SINK;

import io.blkcast.client.IncrementException;
import io.blkcast.client.IncrementSink;
import io.blkcast.client.Position;
import io.blkcast.file.OwnFiles;
import io.blkcast.replicator.ReplicaState.Held;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Applies increments to a raw image or a block device.
 *
 * <p>Before the first write of an increment the state file says, durably, that it is being applied;
 * after the last one the target is synced, and then the state file says that it was applied. A
 * crash in between is repaired by applying the same increment again.
 *
 * <p>The state also identifies the target, at every point of this: see {@link Identification}. That
 * the target is still in its place and as large as it was left, and that nobody else wrote to the
 * state file, is looked at before and after each increment and while there is nothing to apply.
 */
public final class ReplicaSink implements IncrementSink, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ReplicaSink.class);

  private final Target target;
  private final Path stateFile;
  private final String volume;
  private @Nullable ReplicaState state;
  private byte @Nullable [] stateBytes;
  private long size;
  private long capacity;
  private @Nullable Plan plan;

  private ReplicaSink(Target target, Path stateFile, String volume, @Nullable ReplicaState state)
      throws IOException {
    this.target = target;
    this.stateFile = stateFile;
    this.volume = volume;
    this.state = state;
    this.stateBytes = readState();
    this.size = target.size();
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
        Optional<ReplicaState> state = load(stateFile, overwrite);
        Optional<ReplicaState> usable = usable(target, state, volume, overwrite);
        ReplicaSink sink = new ReplicaSink(target, stateFile, volume, usable.orElse(null));
        sink.upgrade();
        return sink;
      } catch (IOException | IncrementException e) {
        close(target, true);
        throw e;
      }
    } catch (IOException e) {
      throw new IncrementException(SINK, "cannot open the replica: " + e.getMessage(), e);
    }
  }

  private static Optional<ReplicaState> load(Path stateFile, boolean overwrite) throws IOException {
    try {
      return ReplicaState.load(stateFile);
    } catch (ReplicaState.DamagedException e) {
      if (!overwrite) {
        throw e;
      }
      LOG.warn("{} is damaged: beginning anew, as asked", stateFile);
      return Optional.empty();
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
            : Identification.objection(target, state.get(), volume);
    if (objection.isEmpty()) {
      return state;
    }
    if (!overwrite) {
      throw new IncrementException(
          REFUSED,
          target.path()
              + " "
              + objection.get()
              + ". Nothing was written to it. Choose another target, or give --overwrite to replace"
              + " its content");
    }
    LOG.warn("{} {}: overwriting it, as asked", target.path(), objection.get());
    return Optional.empty();
  }

  /** Gives a state of an earlier version what identifies the target from now on. */
  private void upgrade() throws IOException {
    if (state != null && state.target() == null) {
      Position applied = Objects.requireNonNull(state.applied());
      long bytes = applied.capacityBytes();
      save(applied, null, Plan.look(target, Samples.spread(bytes), bytes), Map.of());
    }
  }

  @Override
  public State state() {
    return state == null
        ? State.EMPTY
        : new State(Optional.ofNullable(state.applied()), Optional.ofNullable(state.applying()));
  }

  @Override
  public void check(IncrementCommitted manifest) throws IncrementException {
    inspect();
    checkRoom(manifest);
    plan = new Plan(target, manifest, state == null ? null : state.target());
  }

  private void checkRoom(IncrementCommitted manifest) throws IncrementException {
    if (target.isDevice() && size < manifest.getVolumeCapacityBytes()) {
      throw new IncrementException(
          REFUSED,
          "%s has %d bytes, volume %s has %d: use a device of at least that size"
              .formatted(
                  target.path(), size, manifest.getVolume(), manifest.getVolumeCapacityBytes()));
    }
  }

  @Override
  public void expect(
      IncrementCommitted manifest, long offset, long length, @Nullable ByteBuffer content)
      throws IncrementException {
    try {
      planOf(manifest).expect(offset, length, content);
    } catch (IOException e) {
      throw failed("read", e);
    }
  }

  private Plan planOf(IncrementCommitted manifest) throws IncrementException {
    if (plan == null || !plan.incrementId.equals(manifest.getIncrementId())) {
      check(manifest);
    }
    return Objects.requireNonNull(plan);
  }

  @Override
  public void begin(IncrementCommitted manifest) throws IncrementException {
    Plan of = planOf(manifest);
    inspect();
    checkRoom(manifest);
    try {
      checkContent();
      capacity = manifest.getVolumeCapacityBytes();
      save(state == null ? null : state.applied(), Position.of(manifest), of.look(), of.next());
      if (!target.isDevice() && manifest.getKind() == IncrementKind.BASELINE) {
        target.resize(capacity);
        size = capacity;
      }
    } catch (IOException e) {
      throw failed("write", e);
    }
  }

  /** Before a byte is written: what others wrote since is not to be mixed with ours. */
  private void checkContent() throws IOException, IncrementException {
    if (state == null || state.target() == null) {
      return;
    }
    OptionalLong foreign =
        Identification.firstForeign(target, state.target(), Identification.capacity(state));
    if (foreign.isPresent()) {
      throw changed(
          target.path()
              + " was written to by others: what is at byte "
              + foreign.getAsLong()
              + " is not what this replicator left there");
    }
  }

  @Override
  public void inspect() throws IncrementException {
    try {
      if (!target.isInPlace()) {
        throw changed(
            target.path()
                + " was removed, or replaced by another file, while it was replicated to");
      }
      long now = target.size();
      if (target.isDevice() ? now < size : now != size) {
        throw changed(
            "%s was made %s by others while it was replicated to: it has %d bytes and had %d"
                .formatted(target.path(), now < size ? "smaller" : "larger", now, size));
      }
      if (!Arrays.equals(readState(), stateBytes)) {
        throw changed(
            stateFile
                + ", the replica's state, was removed or changed by others while this replicator ran");
      }
    } catch (IOException e) {
      throw failed("look at", e);
    }
  }

  private byte @Nullable [] readState() throws IOException {
    try {
      return Files.readAllBytes(stateFile);
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  private static IncrementException changed(String what) {
    return new IncrementException(
        REFUSED,
        what
            + ". Nothing more is written. Put back what was there and start again, or begin anew with"
            + " --overwrite");
  }

  @Override
  public void data(long offset, ByteBuffer content) throws IncrementException {
    checkBounds(offset, content.remaining());
    try {
      announce(offset, content.remaining(), content);
      target.write(offset, content);
    } catch (IOException e) {
      throw failed("write", e);
    }
  }

  @Override
  public void zero(long offset, long length) throws IncrementException {
    checkBounds(offset, length);
    try {
      announce(offset, length, null);
      target.zero(offset, length);
    } catch (IOException e) {
      throw failed("write", e);
    }
  }

  /** Notes, before it is written, what identifies the target and was not announced before. */
  private void announce(long offset, long length, @Nullable ByteBuffer content) throws IOException {
    Held held = state == null ? null : state.target();
    if (plan != null && held != null && plan.note(offset, length, content)) {
      Objects.requireNonNull(state);
      save(state.applied(), state.applying(), held.samples(), plan.next());
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
    Plan of = Objects.requireNonNull(plan);
    inspect();
    try {
      target.sync();
      Map<Long, String> samples = of.lookAfterwards();
      for (Map.Entry<Long, String> written : of.next().entrySet()) {
        if (!written
            .getValue()
            .equals(samples.getOrDefault(written.getKey(), written.getValue()))) {
          throw changed(
              "%s was written to by others while increment %s was applied, at byte %d"
                  .formatted(target.path(), manifest.getIncrementId(), written.getKey()));
        }
      }
      save(Position.of(manifest), null, samples, Map.of());
      plan = null;
    } catch (IOException e) {
      throw failed("write", e);
    }
  }

  private void save(
      @Nullable Position applied,
      @Nullable Position applying,
      Map<Long, String> samples,
      Map<Long, String> next)
      throws IOException {
    ReplicaState fresh =
        new ReplicaState(
            volume, applied, applying, new Held(target.identity(), target.size(), samples, next));
    fresh.save(stateFile);
    state = fresh;
    stateBytes = fresh.toBytes();
  }

  private IncrementException failed(String doing, IOException e) {
    return new IncrementException(
        SINK, "cannot %s %s: %s".formatted(doing, target.path(), e.getMessage()), e);
  }

  @Override
  public void close() {
    close(target, state == null);
  }

  /** Closes the target, and removes it if it was made for nothing. */
  private static void close(Target target, boolean unused) {
    try (target) {
      if (unused && target.wasMade() && target.size() == 0 && target.isInPlace()) {
        Files.delete(target.path());
      }
    } catch (IOException e) {
      LOG.warn("{} not closed: {}", target.path(), e.toString());
    }
  }
}
