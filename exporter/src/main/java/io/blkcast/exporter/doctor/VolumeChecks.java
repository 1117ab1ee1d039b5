package io.blkcast.exporter.doctor;

import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.HookConfig;
import io.blkcast.exporter.config.VolumeConfig;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.blksnap.BlksnapProbe;
import io.blkcast.file.OwnFiles;
import io.blkcast.file.UnsafePathException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the configured volumes need of the host. */
final class VolumeChecks {

  /** A storage smaller than this share of its devices is soon full under load. */
  private static final int STORAGE_SHARE = 50;

  private final Host host;
  private final BlksnapProbe module;
  private final ExporterConfig config;

  VolumeChecks(Host host, BlksnapProbe module, ExporterConfig config) {
    this.host = host;
    this.module = module;
    this.config = config;
  }

  List<Finding> run() {
    List<Finding> findings = new ArrayList<>();
    findings.add(state());
    Map<String, List<VolumeConfig>> snapshots = new LinkedHashMap<>();
    for (VolumeConfig volume : config.volumes()) {
      if (volume.source() == SourceKind.BLKSNAP) {
        findings.add(device(volume));
        new LvmCheck(host).of(volume.name(), volume.path()).ifPresent(findings::add);
        String key = volume.group().map(group -> "group " + group).orElse(volume.name());
        snapshots.computeIfAbsent(key, ignored -> new ArrayList<>()).add(volume);
      } else {
        findings.add(image(volume));
      }
    }
    snapshots.forEach((name, volumes) -> findings.add(storage(name, volumes)));
    for (HookConfig hook : config.hooks()) {
      findings.add(hook(hook));
    }
    return findings;
  }

  private Finding state() {
    Path existing = config.state().toAbsolutePath();
    while (!Files.exists(existing) && existing.getParent() != null) {
      existing = existing.getParent();
    }
    try {
      OwnFiles.requireDirectory(config.state());
    } catch (UnsafePathException e) {
      return Finding.failure("state", e.why(), e.remedy());
    } catch (IOException e) {
      return Finding.failure(
          "state", config.state() + " cannot be looked at: " + e, "Set another 'state'");
    }
    return Files.isDirectory(existing) && Files.isWritable(existing)
        ? Finding.ok("state", config.state() + " can be written")
        : Finding.failure(
            "state",
            config.state() + " cannot be written",
            "Make it a directory of the exporter's user, or set 'state'");
  }

  private static Finding image(VolumeConfig volume) {
    String check = "volume " + volume.name();
    if (Files.exists(volume.path())) {
      return Files.isReadable(volume.path()) && Files.isWritable(volume.path())
          ? Finding.ok(check, volume.path() + " is there")
          : Finding.failure(
              check, volume.path() + " cannot be read and written", "Give the exporter access");
    }
    return volume.sizeBytes().isPresent()
        ? Finding.ok(check, volume.path() + " will be made")
        : Finding.failure(
            check, "there is no image " + volume.path(), "Give 'size' to have one made");
  }

  private Finding device(VolumeConfig volume) {
    String check = "volume " + volume.name();
    if (!Files.exists(volume.path())) {
      return Finding.failure(
          check,
          "there is no device " + volume.path(),
          "See `lsblk -o NAME,SIZE,SERIAL` and name one of /dev/disk/by-id");
    }
    String filter = module.filter(volume.path());
    if (!filter.isEmpty() && !filter.equals("blksnap")) {
      return Finding.failure(
          check,
          volume.path() + " has the filter " + filter,
          "Detach that with its own tool: a device has one filter at most");
    }
    String name = volume.path().toString();
    boolean stable = name.startsWith("/dev/disk/") || name.startsWith("/dev/mapper/");
    String found = name + (filter.isEmpty() ? " is there" : " is tracked");
    return stable
        ? Finding.ok(check, found)
        : Finding.warning(
            check,
            found + "; its name may be another after a boot",
            "Name it by a link under /dev/disk/by-id");
  }

  private Finding storage(String name, List<VolumeConfig> volumes) {
    String check = "difference storage of " + name;
    List<Path> devices = volumes.stream().map(VolumeConfig::path).toList();
    var configured = volumes.get(0).differenceStorage();
    try {
      BlksnapProbe.Storage storage =
          module.storage(configured.path(), configured.limitBytes(), devices);
      long capacity = 0;
      for (Path device : devices) {
        capacity += module.bytes(device);
      }
      String found =
          storage.path()
              + ", up to "
              + (storage.limitBytes() >> 20)
              + " MiB of "
              + (storage.freeBytes() >> 20)
              + " MiB free: "
              + storage.reason();
      if (storage.limitBytes() > storage.freeBytes()) {
        return Finding.failure(
            check, found, "The limit is more than is free: lower it, or make room");
      }
      return storage.limitBytes() < capacity / STORAGE_SHARE
          ? Finding.warning(
              check,
              found + "; less than a fiftieth of the devices",
              "Set differenceStorage.path and limit to where there is more, or watch the volume's"
                  + " events for NO_SPACE")
          : Finding.ok(check, found);
    } catch (SourceException e) {
      return Finding.failure(check, "none", String.valueOf(e.getMessage()));
    } catch (IOException e) {
      return Finding.warning(
          check, "not looked at: " + e, "Mend what is said of the volume's device");
    }
  }

  private Finding hook(HookConfig hook) {
    List<String> missing = new ArrayList<>();
    for (String command : List.of("setsid", "timeout", "head", "sleep")) {
      if (!host.hasCommand(command)) {
        missing.add(command);
      }
    }
    return missing.isEmpty()
        ? Finding.ok("hooks of " + hook.name(), "their guard can run")
        : Finding.failure(
            "hooks of " + hook.name(),
            "missing: " + String.join(", ", missing),
            "Run: apt install coreutils util-linux");
  }
}
