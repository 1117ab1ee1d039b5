package io.blkcast.exporter.source.blksnap;

import io.blkcast.exporter.source.SourceException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Looks at the module and at what it would do, and changes nothing. */
public final class BlksnapProbe {

  private final StorageHost host;

  private BlksnapProbe(StorageHost host) {
    this.host = host;
  }

  /** Of this machine. */
  public static BlksnapProbe local() {
    return new BlksnapProbe(StorageHost.LOCAL);
  }

  /** With another sysfs, and other figures of the memory; filesystems are this machine's. */
  public static BlksnapProbe of(Path sys, Path meminfo) {
    return new BlksnapProbe(new StorageHost(sys, meminfo, StorageHost.LOCAL.files()));
  }

  /**
   * A place for overwritten data.
   *
   * @param limitBytes most that may be kept there
   * @param freeBytes that are free there now
   * @param reason why there, for people
   */
  public record Storage(String path, long limitBytes, long freeBytes, String reason) {}

  /** Version of the loaded module and what it can do, in one line. */
  public String describe() throws SourceException {
    try (ControlDevice control = new ControlDevice()) {
      ControlDevice.Version version = control.version();
      Errors.requireKnown(version);
      return BlksnapSource.describe(version, control.features());
    } catch (ErrnoException e) {
      throw Errors.control(e);
    }
  }

  /** Where a snapshot of the devices would keep what is overwritten. */
  public Storage storage(Optional<Path> path, OptionalLong limitBytes, List<Path> devices)
      throws SourceException {
    BlksnapDifferenceStorage.Place place =
        new BlksnapDifferenceStorage(path.map(Path::toString), limitBytes, OptionalLong.empty())
            .choose(devices.stream().map(d -> StorageHost.sysName(d.toString())).toList(), host);
    return new Storage(
        place.path(),
        place.limitBytes(),
        BlksnapDifferenceStorage.space(place.path(), host),
        place.reason());
  }

  /** Bytes of a device. */
  public long bytes(Path device) throws IOException {
    return host.deviceBytes(StorageHost.sysName(device.toString()));
  }

  /** Name of the filter that is attached to the device; empty for none. */
  public String filter(Path device) {
    return host.filter(device.toString());
  }
}
