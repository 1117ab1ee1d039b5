package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.Extent;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * Volumes of a few blocks in memory, with the semantics of a source and its failures. Keeps the
 * content of every snapshot for good, to compare with what is published.
 */
final class FakeSource implements ChangeSource {

  static final int BLOCK = 4096;

  private final Simulation simulation;
  private final Faults faults;
  private final Map<String, Volume> volumes = new HashMap<>();
  private final Map<UUID, Map<String, byte[]>> taken = new HashMap<>();
  private Consumer<SourceEvent> listener = event -> {};
  int openSnapshots;

  /** What exporters on this machine have remembered of volumes, whatever happened to them. */
  final Map<String, VolumeHistory> histories = new HashMap<>();

  /** Whether the devices have vanished. */
  boolean gone;

  /** Whether tracking needs a person first. */
  boolean refused;

  /** Whether images cannot release anything. */
  boolean releasesFail;

  /**
   * How long a read of an image takes, and how many bytes its difference storage takes a second.
   */
  Duration readTakes = Duration.ZERO;

  long fillPerSecond;
  long storageLimit = 1 << 20;
  long storageMost = 1 << 20;

  private static final class Volume {
    byte[] content;
    byte[] map;
    UUID trackingId = UUID.randomUUID();
    long epoch;
    boolean inSnapshot;
    boolean tracked;

    Volume(int blocks) {
      content = new byte[blocks * BLOCK];
      map = new byte[blocks];
    }

    void forget(int blocks) {
      content = java.util.Arrays.copyOf(content, blocks * BLOCK);
      map = new byte[blocks];
      trackingId = UUID.randomUUID();
      epoch = 0;
    }
  }

  FakeSource(Simulation simulation, Faults faults) {
    this.simulation = simulation;
    this.faults = faults;
  }

  void add(String name, int blocks) {
    volumes.put(name, new Volume(blocks));
  }

  /** Writes some blocks, a few of them zero, as a client of the volume would. */
  void write(String name, int writes) {
    Volume volume = volume(name);
    for (int i = 0; i < writes; i++) {
      int block = simulation.random.nextInt(volume.map.length);
      byte value = (byte) (simulation.random.nextInt(4) == 0 ? 0 : simulation.random.nextInt(256));
      java.util.Arrays.fill(volume.content, block * BLOCK, (block + 1) * BLOCK, value);
      volume.map[block] = (byte) (volume.epoch + 1);
    }
  }

  /** Writes every second block, so that each is an extent by itself. */
  void scatter(String name) {
    Volume volume = volume(name);
    for (int block = 0; block < volume.map.length; block += 2) {
      java.util.Arrays.fill(volume.content, block * BLOCK, (block + 1) * BLOCK, (byte) 1);
      volume.map[block] = (byte) (volume.epoch + 1);
    }
  }

  /** History is lost, and maybe the volume has another size. */
  void loseHistory(String name) {
    Volume volume = volume(name);
    if (!volume.inSnapshot) {
      volume.forget(volume.map.length + simulation.random.nextInt(3));
    }
  }

  /** The process that held the snapshots is gone. */
  void crash() {
    volumes.values().forEach(volume -> volume.inSnapshot = false);
    openSnapshots = 0;
  }

  byte[] contentOf(UUID snapshot, String volume) {
    return taken.get(snapshot).get(volume);
  }

  byte[] content(String name) {
    return volume(name).content.clone();
  }

  private Volume volume(String name) {
    Volume volume = volumes.get(name);
    if (volume == null) {
      throw new IllegalArgumentException(name);
    }
    return volume;
  }

  @Override
  public String type() {
    return "fake";
  }

  @Override
  public Features features() {
    return new Features(true, true, true);
  }

  @Override
  public void track(String volume) throws SourceException {
    simulation.mustBeInPool();
    if (gone) {
      throw new SourceException(Code.GONE, "no device");
    }
    if (refused) {
      throw new SourceException(Code.PERMISSION, "not allowed");
    }
    if (faults.strike()) {
      throw new SourceException(faults.oneOf(Code.IO, Code.BUSY, Code.GONE), "no track");
    }
    volume(volume).tracked = true;
  }

  @Override
  public void untrack(String volume) {
    volume(volume).tracked = false;
  }

  @Override
  public TrackingInfo info(String name) {
    Volume volume = volume(name);
    return new TrackingInfo(
        volume.content.length,
        BLOCK,
        new Position(
            volume.trackingId,
            volume.trackingId,
            (int) volume.epoch,
            OptionalLong.of(volume.epoch)));
  }

  @Override
  public OptionalLong moreRoom(String volume) {
    simulation.mustBeInPool();
    long before = storageLimit;
    storageLimit = Math.min(storageMost, 2 * before);
    return storageLimit > before ? OptionalLong.of(storageLimit) : OptionalLong.empty();
  }

  @Override
  public Snapshot take(List<String> names) throws SourceException {
    simulation.mustBeInPool();
    if (faults.strike()) {
      Code code = faults.oneOf(Code.BUSY, Code.NO_SPACE, Code.IO, Code.NOT_TRACKED, Code.GONE);
      if (code == Code.NOT_TRACKED) {
        volume(names.get(0)).tracked = false;
      }
      throw new SourceException(code, "no take");
    }
    for (String name : names) {
      if (volume(name).inSnapshot) {
        throw new SourceException(Code.BUSY, name + " is in a snapshot");
      }
      if (!volume(name).tracked) {
        throw new SourceException(Code.NOT_TRACKED, name + " is not tracked");
      }
    }
    FakeSnapshot snapshot = new FakeSnapshot(UUID.randomUUID(), simulation.now());
    Map<String, byte[]> contents = new HashMap<>();
    for (String name : names) {
      Volume volume = volume(name);
      volume.inSnapshot = true;
      volume.epoch++;
      contents.put(name, volume.content.clone());
      snapshot.images.add(
          new FakeImage(name, info(name), volume.content.clone(), volume.map.clone()));
    }
    taken.put(snapshot.id, contents);
    openSnapshots++;
    return snapshot;
  }

  @Override
  public void listen(Consumer<SourceEvent> events) {
    listener = events;
  }

  @Override
  public void close() {}

  private final class FakeSnapshot implements Snapshot {

    private final UUID id;
    private final Instant at;
    private final List<Image> images = new ArrayList<>();
    private boolean closed;

    FakeSnapshot(UUID id, Instant at) {
      this.id = id;
      this.at = at;
    }

    @Override
    public UUID id() {
      return id;
    }

    @Override
    public Instant takenAt() {
      return at;
    }

    @Override
    public List<Image> images() {
      return List.copyOf(images);
    }

    @Override
    public void close() throws SourceException {
      simulation.mustBeInPool();
      if (closed) {
        return;
      }
      if (faults.strike()) {
        throw new SourceException(Code.IO, "cannot destroy");
      }
      closed = true;
      openSnapshots--;
      images.forEach(
          image -> {
            ((FakeImage) image).closed = true;
            volume(image.volume()).inSnapshot = false;
          });
    }
  }

  private final class FakeImage implements Snapshot.Image {

    private final String name;
    private final TrackingInfo info;
    private final byte[] content;
    private final byte[] map;
    private final BitSet released = new BitSet();
    private final Instant at = simulation.now();
    private final long limit = storageLimit;
    private boolean corrupted;
    private boolean closed;

    FakeImage(String name, TrackingInfo info, byte[] content, byte[] map) {
      this.name = name;
      this.info = info;
      this.content = content;
      this.map = map;
    }

    @Override
    public String volume() {
      return name;
    }

    @Override
    public TrackingInfo info() {
      return info;
    }

    @Override
    public ChangeMap changeMap() throws SourceException {
      used();
      if (faults.strike()) {
        throw new SourceException(Code.IO, "no map");
      }
      return new ChangeMap(ByteBuffer.wrap(map), info, 0, 0);
    }

    /** Once corrupted it may hand out rubbish without a word: only a check afterwards tells. */
    @Override
    public void read(long offset, ByteBuffer dst) throws SourceException {
      used();
      simulation.pass(readTakes);
      int first = (int) (offset / BLOCK);
      int last = (int) ((offset + dst.remaining() - 1) / BLOCK);
      assertThat(released.get(first, last + 1).isEmpty()).as("reads nothing released").isTrue();
      if (faults.strike()) {
        if (faults.oneOf(true, false)) {
          throw new SourceException(Code.IO, "no read");
        }
        corrupted = true;
        java.util.Arrays.fill(content, (byte) 0xee);
        if (faults.oneOf(true, false)) {
          listener.accept(new SourceEvent.Corrupted(name, simulation.now(), "overflow"));
        }
      }
      dst.put(content, (int) offset, dst.remaining());
    }

    @Override
    public Optional<Extent> data(long from) throws SourceException {
      used();
      int block = (int) (from / BLOCK);
      int blocks = map.length;
      while (block < blocks && isZero(block)) {
        block++;
      }
      if (block == blocks) {
        return Optional.empty();
      }
      int end = block;
      while (end < blocks && !isZero(end)) {
        end++;
      }
      long start = Math.max(from, (long) block * BLOCK);
      return Optional.of(new Extent(start, (long) end * BLOCK - start));
    }

    private boolean isZero(int block) {
      for (int i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
        if (content[i] != 0) {
          return false;
        }
      }
      return true;
    }

    @Override
    public void release(long offset, long length) throws SourceException {
      used();
      if (releasesFail || faults.strike()) {
        throw new SourceException(Code.IO, "no release");
      }
      released.set((int) (offset / BLOCK), (int) ((offset + length + BLOCK - 1) / BLOCK));
    }

    @Override
    public void check() throws SourceException {
      used();
      if (corrupted) {
        throw new SourceException(Code.CORRUPTED, "overflowed");
      }
    }

    @Override
    public Snapshot.StorageUsage storage() {
      long millis = Duration.between(at, simulation.now()).toMillis();
      return new Snapshot.StorageUsage(Math.min(limit, fillPerSecond * millis / 1000), limit);
    }

    private void used() {
      simulation.mustBeInPool();
      assertThat(closed).as("used after its snapshot was destroyed").isFalse();
    }
  }
}
