package io.blkcast.replicator;

import io.blkcast.client.FollowerConfig;
import io.blkcast.client.IncrementException;
import io.blkcast.client.IncrementException.Code;
import io.blkcast.client.Position;
import io.blkcast.client.RetainedChain;
import io.blkcast.schema.IncrementCommitted;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Proves that a replica equals the snapshot of its last increment, without asking the source: reads
 * the retained chain from Kafka, newest increment first, and compares with the replica what no
 * newer one has overwritten. Every manifest and link of the chain is checked, and all chunks and
 * the content digest of each increment that is read; once newer ones cover the whole volume, older
 * ones are not.
 *
 * <p>Cost: the payload of the increments that are read is fetched once, all of the replica is read
 * once; memory as of {@link Coverage}. Needs no lock: a replica that is written to meanwhile is
 * noticed by its state, and the verdict is then that nothing can be said.
 */
public final class ReplicaVerifier {

  private static final int BUFFER = 1 << 20;

  private final FollowerConfig config;
  private final Path target;
  private final Path stateFile;
  private final LongConsumer progress;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
  private final ByteBuffer zeroes = ByteBuffer.allocateDirect(BUFFER);

  /** What came out. */
  public enum Verdict {
    /** Every byte is that of the snapshot. */
    IDENTICAL,
    /** Every byte is, and newer increments are committed. */
    OLDER,
    /** At least one byte is not. */
    DIFFERENT,
    /** Nothing can be said: see the reason. */
    NOT_PROVABLE
  }

  /**
   * A verdict and what it rests on.
   *
   * @param position the replica's, empty where nothing was applied
   * @param increments of the chain
   * @param comparedBytes of the replica held against published content
   * @param firstDifference byte offset, where different
   * @param reason for people; empty where identical
   */
  public record Result(
      Verdict verdict,
      Optional<Position> position,
      int increments,
      long comparedBytes,
      OptionalLong firstDifference,
      String reason) {}

  /**
   * @param progress told the bytes compared since the last call
   */
  public ReplicaVerifier(
      FollowerConfig config, Path target, Path stateFile, LongConsumer progress) {
    this.config = config;
    this.target = target;
    this.stateFile = stateFile;
    this.progress = progress;
  }

  /**
   * Verifies; blocks.
   *
   * @throws IncrementException where Kafka or the replica cannot be read
   */
  public Result verify() throws IncrementException {
    try {
      Optional<ReplicaState> before = ReplicaState.load(stateFile);
      if (before.isEmpty()) {
        return unproved(Optional.empty(), stateFile + ", the replica's state, is not there");
      }
      Optional<Position> applied = before.map(ReplicaState::applied);
      if (!before.get().volume().equals(config.volume())) {
        return unproved(applied, "it is a replica of volume " + before.get().volume());
      }
      if (!Files.exists(target)) {
        return unproved(applied, "it is not there");
      }
      Position applying = before.get().applying();
      if (applying != null) {
        return unproved(applied, unfinished(applying));
      }
      if (applied.isEmpty()) {
        return unproved(applied, stateFile + " tells of no increment applied");
      }
      Result result = compare(applied.get());
      return ReplicaState.load(stateFile).equals(before)
          ? result
          : unproved(applied, "the replica was written to meanwhile: try again");
    } catch (IOException e) {
      throw new IncrementException(Code.SINK, "cannot read the replica: " + e.getMessage(), e);
    }
  }

  private String unfinished(Position applying) throws IOException {
    return Target.isLocked(target)
        ? "increment %s is being applied: try again when it is done"
            .formatted(applying.incrementId())
        : "increment %s was begun and not finished, and no replicator applies it at the moment: run blkcast replicate --volume %s --target %s with the options of before"
            .formatted(applying.incrementId(), config.volume(), target);
  }

  private Result compare(Position applied) throws IncrementException, IOException {
    try (RetainedChain chain = new RetainedChain(config);
        FileChannel replica = FileChannel.open(target, StandardOpenOption.READ)) {
      List<IncrementCommitted> manifests = new ArrayList<>(chain.manifests(applied));
      Collections.reverse(manifests);
      Comparison comparison = new Comparison(replica, applied.capacityBytes(), manifests);
      if (replica.size() < applied.capacityBytes()) {
        return comparison.different(applied, replica.size(), "the replica ends early");
      }
      // A device may be larger than the volume, an image is made as large.
      if (replica.size() > applied.capacityBytes() && Files.isRegularFile(target)) {
        return comparison.different(
            applied, applied.capacityBytes(), "the replica goes on after the volume's end");
      }
      for (IncrementCommitted manifest : manifests) {
        if (comparison.coverage.isComplete()) {
          break;
        }
        comparison.increment(chain, manifest);
        if (comparison.difference.isPresent()) {
          return comparison.different(
              applied,
              comparison.difference.getAsLong(),
              "content of increment %s differs".formatted(manifest.getIncrementId()));
        }
      }
      return comparison.identical(applied, chain);
    } catch (IncrementException e) {
      return switch (e.code()) {
        case MISSING ->
            unproved(
                Optional.of(applied),
                "the chain is no longer retained, only a resync makes it provable again: "
                    + e.getMessage());
        // Records that contradict themselves say nothing of the replica.
        case CORRUPT ->
            unproved(
                Optional.of(applied),
                "what Kafka holds of the chain is not what was published, only a resync makes it provable again: "
                    + e.getMessage());
        default -> throw e;
      };
    }
  }

  private static Result unproved(Optional<Position> position, String reason) {
    return new Result(Verdict.NOT_PROVABLE, position, 0, 0, OptionalLong.empty(), reason);
  }

  /** One pass over the chain. */
  private final class Comparison {
    private final FileChannel replica;
    private final Coverage coverage;
    private final int increments;
    private long compared;
    private OptionalLong difference = OptionalLong.empty();

    Comparison(FileChannel replica, long capacity, List<IncrementCommitted> manifests) {
      this.replica = replica;
      this.increments = manifests.size();
      int blockSize =
          manifests.stream().mapToInt(IncrementCommitted::getBlockSizeBytes).min().orElseThrow();
      this.coverage = new Coverage(capacity, blockSize);
    }

    void increment(RetainedChain chain, IncrementCommitted manifest) throws IncrementException {
      chain.read(
          manifest,
          (chunk, content) ->
              coverage.chunk(
                  chunk.getByteOffset(),
                  chunk.getSizeBytes(),
                  (offset, length) -> {
                    int skip = (int) (offset - chunk.getByteOffset());
                    compare(
                        offset,
                        length,
                        content == null
                            ? null
                            : content.slice(content.position() + skip, (int) length));
                  }));
      long touched = coverage.endIncrement();
      if (touched != manifest.getChangedBytes()) {
        throw new IncrementException(
            Code.CORRUPT,
            "increment %s changes parts of tracking blocks".formatted(manifest.getIncrementId()));
      }
    }

    private void compare(long offset, long length, @Nullable ByteBuffer content)
        throws IncrementException {
      for (long at = 0; at < length && difference.isEmpty(); ) {
        int n = (int) Math.min(BUFFER, length - at);
        read(offset + at, n);
        ByteBuffer expected = content == null ? zeroes.slice(0, n) : content.slice((int) at, n);
        int mismatch = buffer.mismatch(expected);
        if (mismatch >= 0) {
          difference = OptionalLong.of(offset + at + mismatch);
        }
        at += n;
        compared += n;
        progress.accept(n);
      }
    }

    private void read(long offset, int length) throws IncrementException {
      buffer.clear().limit(length);
      try {
        while (buffer.hasRemaining()) {
          if (replica.read(buffer, offset + buffer.position()) < 0) {
            throw new IOException(target + " ends at " + (offset + buffer.position()));
          }
        }
      } catch (IOException e) {
        throw new IncrementException(Code.SINK, "cannot read the replica: " + e.getMessage(), e);
      }
      buffer.flip();
    }

    /** As far as the replica's own increment goes; but is that the latest? */
    Result identical(Position applied, RetainedChain chain) throws IncrementException {
      int newer = chain.newer(applied);
      Optional<String> hidden = newer > 0 ? Optional.empty() : chain.hidden();
      String equal = "it equals the snapshot of increment %s, ".formatted(applied.incrementId());
      return new Result(
          newer > 0 ? Verdict.OLDER : hidden.isPresent() ? Verdict.NOT_PROVABLE : Verdict.IDENTICAL,
          Optional.of(applied),
          increments,
          compared,
          OptionalLong.empty(),
          newer > 0
              ? equal + "and %d newer %s committed".formatted(newer, newer == 1 ? "is" : "are")
              : hidden
                  .map(why -> equal + "and whether that is the latest cannot be known: " + why)
                  .orElse(""));
    }

    Result different(Position applied, long offset, String reason) {
      return new Result(
          Verdict.DIFFERENT,
          Optional.of(applied),
          increments,
          compared,
          OptionalLong.of(offset),
          reason);
    }
  }
}
