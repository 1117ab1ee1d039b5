package io.blkcast.replicator;

import io.blkcast.client.Position;
import io.blkcast.replicator.ReplicaState.Held;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Decides whether a target is the replica that a state tells of.
 *
 * <p>A replica that was applied wholly may have been moved or copied: its size and its samples
 * decide. One that an increment was begun on has to be the very file or device as well, because
 * what is in between two snapshots cannot be told from something that merely looks like one.
 */
final class Identification {

  /** So many sectors that are not zero, and differ from each other, are no coincidence. */
  private static final int TELLING = 4;

  private Identification() {}

  /** Why the target is not what the state tells of; empty where it is. */
  static Optional<String> objection(Target target, ReplicaState state, String volume)
      throws IOException {
    if (!state.volume().equals(volume)) {
      return Optional.of("is a replica of volume " + state.volume());
    }
    Held held = state.target();
    return held == null ? byFingerprint(target, state) : bySamples(target, state, held);
  }

  private static Optional<String> bySamples(Target target, ReplicaState state, Held held)
      throws IOException {
    Position applying = state.applying();
    boolean same = held.identity().isSame(target.identity());
    if (applying != null && !same) {
      return Optional.of(
          "is not the %s to which increment %s was being applied when its replicator ended, and what that left cannot be recognised elsewhere; put the %s back in its place to finish it"
              .formatted(what(target), applying.incrementId(), what(target)));
    }
    Optional<String> size = wrongSize(target, held.sizeBytes(), applying);
    if (size.isPresent()) {
      return size;
    }
    OptionalLong foreign = firstForeign(target, held, capacity(state));
    if (foreign.isPresent()) {
      return Optional.of(
          "%s: byte %d and what follows is not what the replicator left there"
              .formatted(
                  same
                      ? "was written to by others since the replicator wrote to it"
                      : "is another %s than the replica, with other content"
                          .formatted(what(target)),
                  foreign.getAsLong()));
    }
    return same || isTelling(held)
        ? Optional.empty()
        : Optional.of(
            "is another %s than the replica was, and holds too little that would tell it from a third one"
                .formatted(what(target)));
  }

  /** Size of the volume that the samples are spread over. */
  static long capacity(ReplicaState state) {
    Position latest = state.applying() == null ? state.applied() : state.applying();
    if (latest == null) {
      throw new IllegalArgumentException("a state without an increment");
    }
    return latest.capacityBytes();
  }

  private static String what(Target target) {
    return target.isDevice() ? "device" : "file";
  }

  /** Whether what was noted could hardly be the same on a target that is not the replica's. */
  private static boolean isTelling(Held held) {
    long capacity = Samples.COUNT * (long) Samples.BYTES;
    return held.sizeBytes() <= capacity
        || held.samples().values().stream().filter(hash -> !Samples.isZero(hash)).distinct().count()
            >= TELLING;
  }

  private static Optional<String> wrongSize(Target target, long bytes, @Nullable Position applying)
      throws IOException {
    long actual = target.size();
    boolean resized = applying != null && actual == applying.capacityBytes();
    boolean fits = target.isDevice() ? actual >= bytes : actual == bytes || resized;
    return fits
        ? Optional.empty()
        : Optional.of("has %d bytes where the replica had %d".formatted(actual, bytes));
  }

  /** The first sample that is neither what was there nor what an increment under way writes. */
  static OptionalLong firstForeign(Target target, Held held, long capacity) throws IOException {
    for (Map.Entry<Long, String> sample : new TreeMap<>(held.samples()).entrySet()) {
      long offset = sample.getKey();
      String hash = hash(target, offset, Samples.length(offset, capacity));
      if (!hash.equals(sample.getValue()) && !hash.equals(held.next().get(offset))) {
        return OptionalLong.of(offset);
      }
    }
    return OptionalLong.empty();
  }

  /** Hash of a sector of the target; beyond its end there are zeroes. */
  static String hash(Target target, long offset, int length) throws IOException {
    ByteBuffer sector = ByteBuffer.allocate(Samples.BYTES);
    target.readPadded(offset, sector.limit(length));
    return Samples.hash(sector.clear());
  }

  /** As versions before this one did, which kept nothing else. */
  private static Optional<String> byFingerprint(Target target, ReplicaState state)
      throws IOException {
    Position applied = state.applied();
    if (applied == null || state.applying() != null) {
      return Optional.of(
          "may be another file than the one to which an increment was being applied when its replicator ended: that was an earlier version, which kept no note of it");
    }
    Optional<String> size = wrongSize(target, applied.capacityBytes(), null);
    if (size.isPresent()) {
      return size;
    }
    return Fingerprint.of(target, applied.capacityBytes()).equals(state.fingerprint())
        ? Optional.empty()
        : Optional.of("was written to by others since the last increment was applied");
  }
}
