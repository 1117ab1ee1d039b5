package io.blkcast.exporter.source.blksnap;

import io.blkcast.file.FileReplacement;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * What tells a block device from another under its name, and what lies below it from something else
 * below it: a stacked device keeps its number, and the module its map, when the table is loaded
 * anew. A multipath device may lose and regain paths, so of those only the disk that they lead to
 * counts; an md array may lose and regain members, which it fills itself, and others it has only
 * after it was stopped, as another device. The size is left out: the module watches it.
 *
 * @param trackingId that the module gave the device; the facts only count while it has that
 * @param facts by name, none empty
 */
record DeviceIdentity(UUID trackingId, SortedMap<String, String> facts) {

  /** Files of a device in sysfs, below its directory. */
  private static final List<String> FACTS =
      List.of(
          "dev",
          "diskseq",
          "wwid",
          "device/wwid",
          "device/serial",
          "device/unique_id",
          "dm/uuid",
          "loop/backing_file",
          "md/uuid",
          "start");

  private static final String MULTIPATH = "mpath-";

  /** Of the device of this name in sysfs. */
  static DeviceIdentity of(UUID trackingId, String name, StorageHost host) {
    SortedMap<String, String> facts = new TreeMap<>();
    collect("", name, host, facts);
    return new DeviceIdentity(trackingId, facts);
  }

  private static void collect(
      String prefix, String name, StorageHost host, SortedMap<String, String> facts) {
    Path device = host.sys().resolve("class/block").resolve(name);
    for (String fact : FACTS) {
      read(device.resolve(fact)).ifPresent(value -> facts.put(prefix + fact, value));
    }
    if (Files.isDirectory(device.resolve("md"))) {
      return;
    }
    List<String> members = new ArrayList<>();
    try (Stream<Path> slaves = Files.list(device.resolve("slaves"))) {
      slaves.map(slave -> slave.getFileName().toString()).sorted().forEach(members::add);
    } catch (IOException e) {
      // A device without members, or one that is going away.
    }
    if (facts.getOrDefault(prefix + "dm/uuid", "").startsWith(MULTIPATH)) {
      TreeSet<String> disks = new TreeSet<>();
      for (String member : members) {
        Path path = host.sys().resolve("class/block").resolve(member);
        read(path.resolve("device/wwid"))
            .or(() -> read(path.resolve("wwid")))
            .ifPresent(disks::add);
      }
      if (!disks.isEmpty()) {
        facts.put(prefix + "paths lead to", String.join(" ", disks));
      }
      return;
    }
    for (String member : members) {
      collect(prefix + member + "/", member, host, facts);
    }
  }

  private static Optional<String> read(Path file) {
    try {
      String value = Files.readString(file).strip();
      return value.isEmpty() ? Optional.empty() : Optional.of(value);
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /**
   * Why the device is no more the one that was tracked; empty where it is, or has a new history.
   */
  Optional<String> differs(DeviceIdentity now) {
    if (!trackingId.equals(now.trackingId)) {
      return Optional.empty();
    }
    TreeSet<String> names = new TreeSet<>(facts.keySet());
    names.addAll(now.facts.keySet());
    for (String name : names) {
      String before = facts.get(name);
      String after = now.facts.get(name);
      if (!Objects.equals(before, after)) {
        return Optional.of(
            "the device or what lies below it was exchanged: "
                + name
                + " was "
                + (before == null ? "absent" : before)
                + " and is "
                + (after == null ? "absent" : after));
      }
    }
    return Optional.empty();
  }

  /** As {@link #differs}, from what was saved; empty also where nothing was. */
  static Optional<String> differsFromSaved(Path file, DeviceIdentity now) {
    try {
      return load(file).differs(now);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException | RuntimeException e) {
      return Optional.of("what the device was, as " + file + " should say, cannot be read: " + e);
    }
  }

  private static DeviceIdentity load(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file);
    SortedMap<String, String> facts = new TreeMap<>();
    for (String line : lines.subList(1, lines.size())) {
      String[] fact = line.split("=", 2);
      facts.put(fact[0], fact[1]);
    }
    return new DeviceIdentity(UUID.fromString(lines.get(0)), facts);
  }

  /** Saves it for the next process: the module, and with it the history, outlives this one. */
  void save(Path file) throws IOException {
    StringBuilder text = new StringBuilder(trackingId.toString()).append('\n');
    for (Map.Entry<String, String> fact : facts.entrySet()) {
      text.append(fact.getKey())
          .append('=')
          .append(fact.getValue().replace('\n', ' '))
          .append('\n');
    }
    FileReplacement.replace(file, text.toString().getBytes(StandardCharsets.UTF_8));
  }
}
