package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.publish.Link;
import io.blkcast.exporter.publish.VolumePublisher;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.schema.BlockMetadata;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.Source;
import io.blkcast.schema.VolumeEvent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** What is published of each volume, with the semantics of Kafka as far as they matter here. */
final class FakeKafka {

  /** A committed increment: its manifest, and its content by offset. */
  record Increment(IncrementCommitted manifest, TreeMap<Long, byte[]> chunks) {}

  private final Simulation simulation;
  private final Faults faults;
  private final FakeSource source;
  private final Map<String, Log> logs = new HashMap<>();
  final List<VolumeEvent> events = new ArrayList<>();

  private static final class Log {
    final List<Increment> committed = new ArrayList<>();
    Optional<Checkpoint> checkpoint = Optional.empty();
    Object owner = new Object();

    /** Nothing shows the owner any more. */
    boolean orphaned;

    Optional<String> unreadable = Optional.empty();

    /** Someone has written a checkpoint since the volume was opened. */
    boolean foreign;

    /** Someone has written a manifest since the last commit. */
    boolean intruded;

    byte[] replica = new byte[0];
  }

  FakeKafka(Simulation simulation, Faults faults, FakeSource source) {
    this.simulation = simulation;
    this.faults = faults;
    this.source = source;
  }

  List<Increment> committed(String volume) {
    return log(volume).committed;
  }

  byte[] replica(String volume) {
    return log(volume).replica;
  }

  /** The checkpoint is another's, one that would make a DELTA lose what changed until now. */
  void forge(String volume) {
    Log log = log(volume);
    Checkpoint last = log.checkpoint.orElseThrow();
    Source source = last.getSource();
    Source later =
        Source.newBuilder()
            .setType(source.getType())
            .setHost(source.getHost())
            .setBootId(source.getBootId())
            .setTrackingId(source.getTrackingId())
            .setGeneration(source.getGeneration())
            .setBaseChangesNumber(source.getBaseChangesNumber())
            .setChangesNumber(source.getChangesNumber() + 1)
            .setBaseEpoch(source.getBaseEpoch())
            .setEpoch(source.getEpoch() + 1)
            .build();
    log.checkpoint =
        Optional.of(
            Checkpoint.newBuilder()
                .setVolume(last.getVolume())
                .setIncrementId(last.getIncrementId())
                .setSnapshotId(last.getSnapshotId())
                .setChainLength(last.getChainLength())
                .setChainDigest(last.getChainDigest())
                .setVolumeCapacityBytes(last.getVolumeCapacityBytes())
                .setBlockSizeBytes(last.getBlockSizeBytes())
                .setCommittedAt(last.getCommittedAt())
                .setSource(later)
                .build());
    log.foreign = true;
  }

  /** The checkpoint is what it was before some commits. */
  void rollBack(String volume, Checkpoint checkpoint) {
    log(volume).checkpoint = Optional.of(checkpoint);
    log(volume).foreign = true;
  }

  Optional<Checkpoint> checkpoint(String volume) {
    return log(volume).checkpoint;
  }

  /** The topic was deleted and made anew. */
  void loseCheckpoint(String volume) {
    log(volume).checkpoint = Optional.empty();
  }

  void garbage(String volume) {
    log(volume).unreadable = Optional.of("the checkpoint is garbage");
    log(volume).foreign = true;
  }

  /** It looks as if another exporter had the volume. */
  void seize(String volume) {
    log(volume).owner = new Object();
  }

  /** It does not any more. */
  void orphan(String volume) {
    log(volume).orphaned = true;
  }

  /** Someone writes under the volume's key before the next commit. */
  void intrude(String volume) {
    log(volume).intruded = true;
  }

  VolumePublisher publisher(String volume) {
    return new Publisher(volume);
  }

  private Log log(String volume) {
    return logs.computeIfAbsent(volume, ignored -> new Log());
  }

  private BrokerException fault() {
    Code code = faults.oneOf(Code.RETRIABLE, Code.RETRIABLE, Code.FATAL, Code.DENIED);
    return new BrokerException(code, "no luck");
  }

  private final class Publisher implements VolumePublisher {

    private final String volume;
    private boolean claimed;
    private boolean open;
    private boolean seen;
    private Optional<Checkpoint> last = Optional.empty();
    private Sending under;

    Publisher(String volume) {
      this.volume = volume;
    }

    @Override
    public Opened open(Known known) throws BrokerException {
      simulation.mustBeInPool();
      simulation.mayDie();
      if (claimed && !known.anyway() && log(volume).owner != this && !log(volume).orphaned) {
        throw new BrokerException(Code.FENCED, "another has it");
      }
      if (faults.strike()) {
        throw fault();
      }
      claimed = true;
      open = true;
      log(volume).owner = this;
      log(volume).orphaned = false;
      log(volume).foreign = false;
      seen = log(volume).intruded;
      last = log(volume).checkpoint;
      simulation.mayDie();
      Optional<String> problem = log(volume).unreadable;
      return new Opened(
          problem.isPresent() ? Optional.empty() : last,
          problem.isPresent() ? problem : last.map(Checkpoint::toString),
          problem,
          seen ? Optional.of("offset 7 of increments-0 is not ours") : Optional.empty());
    }

    @Override
    public Attempt begin(Header header) throws BrokerException {
      simulation.mustBeInPool();
      assertThat(open).as("opened, and again after a failure").isTrue();
      assertThat(under == null || under.ended).as("one attempt at a time").isTrue();
      assertThat(header.parent()).isIn(Optional.empty(), last);
      if (faults.strike()) {
        throw fault();
      }
      under = new Sending(this, header);
      return under;
    }

    @Override
    public CompletionStage<Void> event(VolumeEvent event) {
      simulation.mustBeInPool();
      events.add(event);
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public void close() {
      simulation.mustBeInPool();
      open = false;
    }
  }

  private final class Sending implements VolumePublisher.Attempt {

    private final Publisher publisher;
    private final VolumePublisher.Header header;
    private final TreeMap<Long, byte[]> chunks = new TreeMap<>();
    private final TreeMap<Long, Long> extents = new TreeMap<>();
    private int unacknowledged;
    private long end = -1;
    private boolean ahead;
    private boolean inOrder;
    private boolean ended;

    Sending(Publisher publisher, VolumePublisher.Header header) {
      this.publisher = publisher;
      this.header = header;
    }

    @Override
    public CompletionStage<Void> extents(List<BlockMetadata> batch) {
      batch.forEach(extent -> extents.put(extent.getByteOffset(), extent.getSizeBytes()));
      return acknowledge(0).thenApply(ignored -> null);
    }

    @Override
    public void ahead(boolean ahead) {
      assertThat(ahead && inOrder).as("ahead of what has come already").isFalse();
      end = ahead == this.ahead ? end : -1;
      this.ahead = ahead;
    }

    @Override
    public CompletionStage<Integer> chunk(long offset, ByteBuffer plain) {
      byte[] content = new byte[plain.remaining()];
      plain.get(content);
      put(offset, content);
      return acknowledge(content.length);
    }

    @Override
    public CompletionStage<Integer> zero(long offset, long length) {
      put(offset, new byte[(int) length]);
      return acknowledge(0);
    }

    private void put(long offset, byte[] content) {
      simulation.mustBeInPool();
      assertThat(ended).isFalse();
      assertThat(offset).as("ascending, without overlap").isGreaterThanOrEqualTo(end);
      end = offset + content.length;
      inOrder |= !ahead;
      chunks.put(offset, content);
    }

    private CompletionStage<Integer> acknowledge(int payload) {
      CompletableFuture<Integer> acknowledged = new CompletableFuture<>();
      unacknowledged++;
      simulation.later(
          () -> {
            unacknowledged--;
            if (faults.strike()) {
              acknowledged.completeExceptionally(fault());
            } else {
              acknowledged.complete(payload);
            }
          });
      return acknowledged;
    }

    @Override
    public VolumePublisher.Committed commit(VolumePublisher.Deciding deciding)
        throws BrokerException {
      simulation.mustBeInPool();
      assertThat(unacknowledged).as("all acknowledged before the commit").isZero();
      Log log = log(publisher.volume);
      publisher.open = false;
      if (log.owner != publisher) {
        throw new BrokerException(Code.FENCED, "another has it");
      }
      boolean fails = faults.strike();
      if (fails && faults.oneOf(true, false)) {
        throw fault();
      }
      if (log.foreign || (log.intruded && !publisher.seen)) {
        throw new BrokerException(Code.FOREIGN, "offset 7 of increments-0 is not ours");
      }
      VolumePublisher.Committed committed = apply(log, deciding);
      simulation.mayDie();
      if (fails) {
        throw new BrokerException(Code.RETRIABLE, "committed, but nobody knows");
      }
      publisher.open = true;
      ended = true;
      return committed;
    }

    /** Invariants 1 and 2: what is committed makes the replica the very snapshot it names. */
    private VolumePublisher.Committed apply(Log log, VolumePublisher.Deciding deciding)
        throws BrokerException {
      UUID id = header.incrementId();
      IncrementCommitted manifest =
          IncrementCommitted.newBuilder()
              .setVolume(publisher.volume)
              .setIncrementId(id)
              .setKind(header.kind())
              .setParentIncrementId(header.parent().map(Checkpoint::getIncrementId).orElse(null))
              .setGroupId(header.groupId().orElse(null))
              .setChainLength(1 + header.parent().map(Checkpoint::getChainLength).orElse(0L))
              .setTargetSnapshotId(header.snapshotId())
              .setConsistency(header.consistency())
              .setVolumeCapacityBytes(header.capacityBytes())
              .setBlockSizeBytes(header.blockSize())
              .setChangedBytes(header.changedBytes())
              .setZeroBytes(0)
              .setPayloadBytes(0)
              .setExtentCount(extents.size())
              .setChunkCount(chunks.size())
              .setExtentRanges(List.of())
              .setChunkRanges(List.of())
              .setContentDigest(ByteBuffer.allocate(32))
              .setChainDigest(ByteBuffer.allocate(32))
              .setSnapshotTakenAt(header.snapshotTakenAt())
              .setCommittedAt(simulation.now())
              .setSource(header.source())
              .build();
      Checkpoint checkpoint =
          Checkpoint.newBuilder()
              .setVolume(publisher.volume)
              .setIncrementId(id)
              .setSnapshotId(header.snapshotId())
              .setChainLength(manifest.getChainLength())
              .setChainDigest(ByteBuffer.allocate(32))
              .setVolumeCapacityBytes(header.capacityBytes())
              .setBlockSizeBytes(header.blockSize())
              .setCommittedAt(simulation.now())
              .setSource(header.source())
              .build();
      Link link = new Link(id, checkpoint.toString(), "", header.kind() == IncrementKind.BASELINE);
      try {
        deciding.committing(link);
      } catch (IOException e) {
        throw new BrokerException(Code.RETRIABLE, "cannot be remembered", e);
      }
      simulation.mayDie();
      byte[] snapshot = source.contentOf(header.snapshotId(), publisher.volume);
      if (header.kind() == IncrementKind.BASELINE) {
        log.replica = new byte[snapshot.length];
      }
      long bytes = 0;
      for (Map.Entry<Long, byte[]> chunk : chunks.entrySet()) {
        byte[] content = chunk.getValue();
        System.arraycopy(content, 0, log.replica, Math.toIntExact(chunk.getKey()), content.length);
        bytes += content.length;
      }
      assertThat(Arrays.equals(log.replica, snapshot)).as("replica is the snapshot").isTrue();
      assertThat(bytes).isEqualTo(header.changedBytes());
      assertThat(extents.values().stream().mapToLong(Long::longValue).sum()).isEqualTo(bytes);
      assertThat((long) extents.size()).isEqualTo(header.extentCount());
      assertThat(log.committed.stream().map(i -> i.manifest().getIncrementId())).doesNotContain(id);
      log.checkpoint = Optional.of(checkpoint);
      log.unreadable = Optional.empty();
      log.intruded = false;
      publisher.last = log.checkpoint;
      log.committed.add(new Increment(manifest, chunks));
      return new VolumePublisher.Committed(manifest, checkpoint, link, Optional.empty());
    }

    @Override
    public void abort(String reason, String message) {
      simulation.mustBeInPool();
      ended = true;
    }
  }
}
