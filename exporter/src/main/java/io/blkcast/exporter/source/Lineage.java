package io.blkcast.exporter.source;

import io.blkcast.exporter.source.TrackingInfo.Position;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * The incarnations of a saved tracking state, oldest first: one for each time it was opened. A take
 * that an incarnation outside of this list made was made by another copy of the state, so that this
 * one cannot know what was written since.
 *
 * @param openings at least one for a state that is open; none for a source that saves no state
 */
public record Lineage(List<Opening> openings) {

  /** A source that saves no state, and whose positions name no incarnation. */
  public static final Lineage NONE = new Lineage(List.of());

  /** Openings that are remembered; of those in which a take was made. */
  public static final int MOST = 64;

  /**
   * An opening of the state.
   *
   * @param epoch takes that had been made before
   */
  public record Opening(UUID incarnation, long epoch) {}

  public Lineage {
    openings = List.copyOf(openings);
  }

  /** A lineage that begins with a new incarnation. */
  public static Lineage begin() {
    return NONE.opened(0);
  }

  /**
   * With a new incarnation. One that made no take is forgotten: nobody can name it. The oldest is
   * forgotten when there are too many.
   *
   * @param epoch takes made so far
   */
  public Lineage opened(long epoch) {
    List<Opening> next = new ArrayList<>(openings);
    if (!next.isEmpty() && next.get(next.size() - 1).epoch() == epoch) {
      next.remove(next.size() - 1);
    }
    next.add(new Opening(UUID.randomUUID(), epoch));
    return new Lineage(next.subList(Math.max(0, next.size() - MOST), next.size()));
  }

  /** The incarnation that made the take of this epoch; empty before the first take. */
  public Optional<UUID> of(long epoch) {
    for (int i = openings.size() - 1; i >= 0; i--) {
      if (openings.get(i).epoch() < epoch) {
        return Optional.of(openings.get(i).incarnation());
      }
    }
    return Optional.empty();
  }

  /**
   * Why the base is no take of this state; empty where it is one.
   *
   * @param base with an epoch
   * @param epoch takes made so far
   */
  Optional<String> denies(Position base, long epoch) {
    if (openings.isEmpty() || base.epoch().orElse(0) == 0) {
      return Optional.empty();
    }
    if (base.incarnation().isEmpty()) {
      return Optional.of("the last increment does not name the tracking state it was taken with");
    }
    UUID wanted = base.incarnation().get();
    long taken = base.epoch().orElse(0);
    for (int i = 0; i < openings.size(); i++) {
      Opening opening = openings.get(i);
      if (opening.incarnation().equals(wanted)) {
        long reached = i + 1 < openings.size() ? openings.get(i + 1).epoch() : epoch;
        return taken > opening.epoch() && taken <= reached
            ? Optional.empty()
            : Optional.of(
                "the last increment is take "
                    + taken
                    + " of a tracking state that stood at takes "
                    + opening.epoch()
                    + " to "
                    + reached
                    + ": the state was restored from an older copy");
      }
    }
    return Optional.of(
        "the last increment was taken with a tracking state that this one does not descend from:"
            + " one of them was restored from a copy");
  }
}
