package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceEvent;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import io.blkcast.exporter.source.TrackingInfo;
import io.blkcast.exporter.source.blksnap.FilteredDevice.Generation;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Block devices of this machine, tracked by the blksnap kernel module.
 *
 * <p>History lives in the module: it survives this process, and a new one goes on with it. The
 * module may be ours or a plain one of the series; what it can do beyond the plain interface is
 * asked once, at the start. Needs CAP_SYS_ADMIN.
 *
 * <p>Threads: calls come from any; each is an ioctl or two. A snapshot's events, and those of the
 * devices, are pumped by a thread each ({@link BlksnapEventPump}).
 */
public final class BlksnapSource implements ChangeSource {

  private static final Logger log = LoggerFactory.getLogger(BlksnapSource.class);

  /** Share of the difference storage's limit, in percent, at which a watermark event is wanted. */
  private static final int WATERMARK_PERCENT = 60;

  private final Map<String, FilteredDevice> devices = new HashMap<>();
  private final Map<String, Volume> volumes;
  private final ControlDevice control;
  private final ControlDevice.Version version;
  private final long features;
  private final SnapshotJournal own;
  private final Path state;

  /** What the devices were when last looked at, by volume. */
  private final Map<String, DeviceIdentity> identities = new ConcurrentHashMap<>();

  /** How often the storage of a volume has run full: its limit is doubled as often. */
  private final Map<String, Integer> doublings = new ConcurrentHashMap<>();

  private final Set<BlksnapSnapshot> snapshots = ConcurrentHashMap.newKeySet();
  private final List<BlksnapEventPump> pumps = new ArrayList<>();
  private volatile Consumer<SourceEvent> listener = e -> {};

  /**
   * Opens the module, and destroys the snapshots that a killed process of the same state left in
   * it. Devices need not be there yet.
   *
   * @param volumes volume name to what is known of it
   * @param state directory that remembers which snapshots are this exporter's
   * @throws SourceException {@code UNSUPPORTED} where the module is not loaded or of another
   *     version, {@code PERMISSION}, {@code BUSY} where another exporter has the state directory
   */
  public BlksnapSource(Map<String, Volume> volumes, Path state) throws SourceException {
    this(volumes, state, false);
  }

  /**
   * @param plain asks no more of the module than those of the series' first generation can do
   */
  BlksnapSource(Map<String, Volume> volumes, Path state, boolean plain) throws SourceException {
    this.volumes = Map.copyOf(volumes);
    this.state = state;
    own = SnapshotJournal.open(state);
    try {
      control = new ControlDevice();
    } catch (ErrnoException e) {
      own.close();
      throw Errors.control(e);
    }
    try {
      version = control.version();
      Errors.requireKnown(version);
      features = plain ? 0 : control.features();
      Generation generation = plain ? Generation.FIRST : null;
      volumes.forEach(
          (name, volume) -> devices.put(name, new FilteredDevice(volume.device(), generation)));
      log.info("{}", description());
      destroyLeftOver();
      if (has(Abi.FEATURE_DEVICE_EVENTS)) {
        pumps.add(BlksnapEventPump.ofDevices(this));
      }
    } catch (ErrnoException e) {
      control.close();
      own.close();
      throw Errors.control(e);
    } catch (SourceException e) {
      control.close();
      own.close();
      throw e;
    }
  }

  private void destroyLeftOver() throws ErrnoException, SourceException {
    List<UUID> held = control.collect();
    for (UUID id : own.ids()) {
      if (held.contains(id)) {
        control.destroy(id);
        log.warn("destroyed snapshot {}, which an exporter that was killed has left behind", id);
      }
      own.remove(id);
    }
  }

  /**
   * A device to track.
   *
   * @param device path of the block device; one under /dev/disk/by-id stays right over reboots
   * @param changedBytes changed bytes since the last take at which an event is wanted, 0 for none
   * @param storage where overwritten data is kept; of a group that of the first volume counts
   */
  public record Volume(String device, long changedBytes, BlksnapDifferenceStorage storage) {}

  @Override
  public String type() {
    return "blksnap";
  }

  @Override
  public Features features() {
    return new Features(
        has(Abi.FEATURE_RELEASE), has(Abi.FEATURE_EPOCH), has(Abi.FEATURE_GROUP_INSTANT));
  }

  @Override
  public String description() {
    String generations =
        devices.values().stream()
            .flatMap(device -> device.knownGeneration().stream())
            .map(generation -> generation.name().toLowerCase(Locale.ROOT))
            .distinct()
            .sorted()
            .collect(Collectors.joining(" and "));
    return describe(version, features)
        + (generations.isEmpty() ? "" : "; ioctls of the " + generations + " generation");
  }

  static String describe(ControlDevice.Version version, long features) {
    return "blksnap "
        + version
        + (features == 0
            ? ", plain interface: no release, no epochs"
            : " with " + Abi.featureNames(features));
  }

  @Override
  public OptionalLong moreRoom(String volume) throws SourceException {
    BlksnapDifferenceStorage.Place before = place(List.of(volume));
    doublings.merge(volume, 1, Integer::sum);
    BlksnapDifferenceStorage.Place after = place(List.of(volume));
    return after.limitBytes() > before.limitBytes()
        ? OptionalLong.of(after.limitBytes())
        : OptionalLong.empty();
  }

  /** Where the next snapshot of the volumes keeps what is overwritten. */
  private BlksnapDifferenceStorage.Place place(List<String> members) throws SourceException {
    List<String> names = new ArrayList<>();
    for (String volume : members) {
      names.add(StorageHost.sysName(device(volume).path()));
    }
    int times =
        members.stream().mapToInt(volume -> doublings.getOrDefault(volume, 0)).max().orElse(0);
    return known(members.get(0)).storage().choose(names, StorageHost.LOCAL).doubled(times);
  }

  @Override
  public void track(String volume) throws SourceException {
    FilteredDevice device = device(volume);
    try {
      device.attach(coversPartitions(volume, device, features, StorageHost.LOCAL));
      log.info(
          "volume {}: tracking {} from now on, by ioctls of the {} generation",
          volume,
          device.path(),
          device.generation());
    } catch (ErrnoException e) {
      if (e.errno() != ErrnoException.EALREADY) {
        throw Errors.attach(volume, e, StorageHost.LOCAL.filter(device.path()));
      }
      log.info("volume {}: {} is tracked already, its history goes on", volume, device.path());
    }
    identify(volume, device);
    long threshold = known(volume).changedBytes();
    if (threshold > 0 && has(Abi.FEATURE_DEVICE_EVENTS)) {
      try {
        device.threshold(threshold);
      } catch (ErrnoException e) {
        throw Errors.device(volume, e);
      }
    }
  }

  /**
   * Compares the device with what it was when its history began, also in an earlier process. Where
   * it is another one, a new history begins.
   *
   * @throws SourceException {@code BUSY} where that cannot be because the device is in a snapshot
   */
  private void identify(String volume, FilteredDevice device) throws SourceException {
    Path file = state.resolve(volume + ".device");
    try {
      DeviceIdentity now = identity(device);
      DeviceIdentity known = identities.get(volume);
      Optional<String> differs =
          known == null ? DeviceIdentity.differsFromSaved(file, now) : known.differs(now);
      if (differs.isPresent()) {
        device.detach();
        device.attach(coversPartitions(volume, device, features, StorageHost.LOCAL));
        log.warn(
            "volume {}: history is in doubt: {}; the next increment is a BASELINE",
            volume,
            differs.get());
        listener.accept(new SourceEvent.HistoryLost(volume, Instant.now(), differs.get()));
      }
      DeviceIdentity current = differs.isPresent() ? identity(device) : now;
      if (!current.equals(known)) {
        current.save(file);
        identities.put(volume, current);
      }
    } catch (ErrnoException e) {
      throw e.errno() == ErrnoException.ENOENT ? notTracked(volume, e) : Errors.device(volume, e);
    } catch (IOException e) {
      throw new SourceException(
          Code.IO, "Volume " + volume + ": what its device is cannot be noted: " + e, e);
    }
  }

  private DeviceIdentity identity(FilteredDevice device) throws ErrnoException {
    return DeviceIdentity.of(
        device.info(has(Abi.FEATURE_EPOCH)).position().trackingId(),
        StorageHost.sysName(device.path()),
        StorageHost.LOCAL);
  }

  /**
   * Whether to cover what is written to partitions of the device: of every disk, where the module
   * can, since partitions may be made at any time.
   *
   * @throws SourceException {@code UNSUPPORTED} where there are some that the module does not see
   */
  static boolean coversPartitions(
      String volume, FilteredDevice device, long features, StorageHost host)
      throws SourceException {
    String name = StorageHost.sysName(device.path());
    if ((features & Abi.FEATURE_WHOLE_DISK) != 0) {
      return host.isDisk(name);
    }
    if (host.hasPartitions(name)) {
      throw new SourceException(
          Code.UNSUPPORTED,
          "Volume "
              + volume
              + ": "
              + device.path()
              + " has partitions, and this module would not see what is written to them. Make each"
              + " partition a volume, all in one group");
    }
    return false;
  }

  @Override
  public void untrack(String volume) throws SourceException {
    try {
      device(volume).detach();
    } catch (ErrnoException e) {
      throw e.errno() == ErrnoException.ENOENT ? notTracked(volume, e) : Errors.device(volume, e);
    }
  }

  @Override
  public TrackingInfo info(String volume) throws SourceException {
    try {
      return device(volume).info(has(Abi.FEATURE_EPOCH));
    } catch (ErrnoException e) {
      throw e.errno() == ErrnoException.ENOENT ? notTracked(volume, e) : Errors.device(volume, e);
    }
  }

  @Override
  public Snapshot take(List<String> volumes) throws SourceException {
    Set<String> distinct = new HashSet<>(volumes);
    if (volumes.isEmpty() || distinct.size() != volumes.size()) {
      throw new SourceException(Code.INVALID, "A snapshot needs volumes, each once: " + volumes);
    }
    Map<String, FilteredDevice> members = new LinkedHashMap<>();
    for (String volume : volumes) {
      FilteredDevice device = device(volume);
      // The disk may have been partitioned since it was attached.
      coversPartitions(volume, device, features, StorageHost.LOCAL);
      identify(volume, device);
      members.put(volume, device);
    }
    BlksnapDifferenceStorage.Place place = place(volumes);
    log.info(
        "difference storage of {}: {}, up to {} MiB: {}",
        volumes,
        place.path(),
        place.limitBytes() >> 20,
        place.reason());
    UUID id;
    try {
      id = control.create(place.path(), place.limitBytes());
    } catch (ErrnoException e) {
      throw Errors.create(place.path(), e);
    }
    BlksnapSnapshot snapshot = null;
    try {
      own.add(id);
      for (Map.Entry<String, FilteredDevice> member : members.entrySet()) {
        try {
          member.getValue().addTo(id);
        } catch (ErrnoException e) {
          throw e.errno() == ErrnoException.ENOENT
              ? notTracked(member.getKey(), e)
              : Errors.device(member.getKey(), e);
        }
      }
      Set<Long> frozen;
      try {
        if (has(Abi.FEATURE_WATERMARK)) {
          control.watermark(id, place.limitBytes() / 100 * WATERMARK_PERCENT);
        }
        Set<Long> mounted = Mounts.devices();
        control.take(id);
        // Mounted before and after: frozen in between, which a module that reports features does.
        mounted.retainAll(features == 0 ? Set.of() : Mounts.devices());
        frozen = mounted;
      } catch (ErrnoException e) {
        throw Errors.device(String.join(", ", volumes), e);
      }
      snapshot = new BlksnapSnapshot(this, id, members, frozen, place.limitBytes());
      snapshots.add(snapshot);
      return snapshot;
    } finally {
      if (snapshot == null) {
        destroyQuietly(id);
      }
    }
  }

  @Override
  public void listen(Consumer<SourceEvent> listener) {
    this.listener = listener;
  }

  @Override
  public void close() {
    for (BlksnapSnapshot snapshot : snapshots) {
      try {
        snapshot.close();
      } catch (SourceException e) {
        log.warn("snapshot {} was left behind: {}", snapshot.id(), e.getMessage());
      }
    }
    pumps.forEach(BlksnapEventPump::close);
    control.close();
    own.close();
  }

  boolean has(long feature) {
    return (features & feature) != 0;
  }

  ControlDevice control() {
    return control;
  }

  Map<String, FilteredDevice> devices() {
    return devices;
  }

  void raise(SourceEvent event) {
    listener.accept(event);
  }

  /** Destroys a snapshot; one that is gone already is as good. */
  void destroy(UUID id) throws ErrnoException, SourceException {
    try {
      control.destroy(id);
    } catch (ErrnoException e) {
      if (e.errno() != ErrnoException.ENODEV) {
        throw e;
      }
    }
    own.remove(id);
  }

  void forget(BlksnapSnapshot snapshot) {
    snapshots.remove(snapshot);
  }

  private void destroyQuietly(UUID id) {
    try {
      destroy(id);
    } catch (ErrnoException | SourceException e) {
      log.warn("a snapshot that was not taken is left behind: {}", e.getMessage());
    }
  }

  private FilteredDevice device(String volume) throws SourceException {
    FilteredDevice device = devices.get(volume);
    if (device == null) {
      throw unknown(volume);
    }
    return device;
  }

  private Volume known(String volume) throws SourceException {
    Volume known = volumes.get(volume);
    if (known == null) {
      throw unknown(volume);
    }
    return known;
  }

  private static SourceException unknown(String volume) {
    return new SourceException(Code.UNKNOWN_VOLUME, "No volume " + volume + " at this source");
  }

  private static SourceException notTracked(String volume, ErrnoException e) {
    return new SourceException(
        Code.NOT_TRACKED, "Volume " + volume + " is not tracked (" + e.getMessage() + ")", e);
  }
}
