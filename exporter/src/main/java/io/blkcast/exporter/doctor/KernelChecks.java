package io.blkcast.exporter.doctor;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.blksnap.BlksnapProbe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The kernel, and whether the modules are in it or can get there. */
final class KernelChecks {

  private static final Pattern RELEASE = Pattern.compile("(\\d+)\\.(\\d+).*");

  /** Oldest kernel that the modules build for. */
  private static final int LEAST_MAJOR = 6;

  private static final int LEAST_MINOR = 1;

  /** Bit of CAP_SYS_ADMIN in the sets of capabilities, linux/capability.h. */
  private static final int CAP_SYS_ADMIN = 21;

  /** Name of the variable by UEFI's specification; four bytes of attributes come first. */
  private static final String SECURE_BOOT =
      "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

  private final Host host;
  private final BlksnapProbe module;
  private final boolean loaded;

  KernelChecks(Host host, BlksnapProbe module) {
    this.host = host;
    this.module = module;
    this.loaded = Files.isDirectory(host.sys().resolve("module/blksnap"));
  }

  List<Finding> run() {
    List<Finding> findings = new ArrayList<>();
    findings.add(kernel());
    findings.add(module());
    findings.add(headers());
    findings.add(secureBoot());
    findings.add(hooks());
    findings.add(capabilities());
    return findings;
  }

  private Finding kernel() {
    String release = host.kernel();
    Matcher matcher = RELEASE.matcher(release);
    if (!matcher.matches()) {
      return Finding.warning("kernel", release, "Is /proc mounted? Linux 6.1 or newer is needed");
    }
    int major = Integer.parseInt(matcher.group(1));
    int minor = Integer.parseInt(matcher.group(2));
    return major > LEAST_MAJOR || (major == LEAST_MAJOR && minor >= LEAST_MINOR)
        ? Finding.ok("kernel", release)
        : Finding.failure(
            "kernel", release + ", too old for the modules", "Boot Linux 6.1 or newer");
  }

  private Finding module() {
    if (loaded) {
      try {
        return Finding.ok("module", module.describe());
      } catch (SourceException e) {
        return Finding.failure("module", "blksnap is loaded, but", String.valueOf(e.getMessage()));
      }
    }
    if (isInstalled()) {
      return Finding.failure(
          "module",
          "blksnap is installed for this kernel, and not loaded",
          "Run: modprobe blksnap; and name it in /etc/modules-load.d/blkcast.conf");
    }
    return Finding.failure(
        "module",
        "blksnap is not installed for " + host.kernel(),
        "Install the blkcast-dkms package, with linux-headers-" + host.kernel());
  }

  private boolean isInstalled() {
    try (Stream<String> lines = Files.lines(host.kernelModules().resolve("modules.dep"))) {
      return lines.anyMatch(line -> line.matches("(.*/)?blksnap\\.ko(\\.\\w+)?:.*"));
    } catch (IOException e) {
      return false;
    }
  }

  private Finding headers() {
    if (Files.exists(host.kernelModules().resolve("build/Makefile"))) {
      return Finding.ok("headers", "of " + host.kernel() + " are here");
    }
    return loaded || isInstalled()
        ? Finding.warning(
            "headers",
            "of " + host.kernel() + " are missing; the module is there all the same",
            "For the next kernel: apt install linux-headers-amd64 (or linux-headers-cloud-amd64)")
        : Finding.failure(
            "headers",
            "of " + host.kernel() + " are missing, so that the module cannot be built",
            "Run: apt install linux-headers-" + host.kernel());
  }

  private Finding secureBoot() {
    String lockdown = host.text(host.sys().resolve("kernel/security/lockdown")).orElse("[none]");
    boolean on = secureBootOn();
    if (!on && lockdown.contains("[none]")) {
      return Finding.ok("Secure Boot", "off");
    }
    String found = (on ? "on" : "off") + ", lockdown " + lockdown;
    return loaded
        ? Finding.ok("Secure Boot", found + "; the module is loaded")
        : Finding.warning(
            "Secure Boot",
            found + ": the kernel takes signed modules only",
            "Sign the modules with a key of this machine, as kmod/README.md tells: mokutil --import");
  }

  private boolean secureBootOn() {
    try {
      byte[] value = Files.readAllBytes(host.sys().resolve(SECURE_BOOT));
      return value.length > 0 && value[value.length - 1] == 1;
    } catch (IOException e) {
      return false;
    }
  }

  /** What else may hold the kernel functions that blkfilter hooks. */
  private Finding hooks() {
    if (host.text(host.proc().resolve("sys/kernel/ftrace_enabled")).orElse("1").equals("0")) {
      return Finding.failure(
          "kernel hooks",
          "ftrace is switched off, through which writes are seen",
          "Run: sysctl kernel.ftrace_enabled=1; and see what sets it to 0");
    }
    List<String> patches = new ArrayList<>();
    Path livepatch = host.sys().resolve("kernel/livepatch");
    try (Stream<Path> loadedPatches = Files.list(livepatch)) {
      loadedPatches.forEach(patch -> patches.add(String.valueOf(patch.getFileName())));
    } catch (IOException e) {
      // No live patches.
    }
    return patches.isEmpty()
        ? Finding.ok("kernel hooks", "free")
        : Finding.warning(
            "kernel hooks",
            "live patches are loaded: " + String.join(", ", patches),
            "If attaching fails with EBUSY, one of them has replaced a function that blkfilter"
                + " needs: unload it, or boot a kernel with the fix");
  }

  private Finding capabilities() {
    String effective =
        host.text(host.proc().resolve("self/status"))
            .orElse("")
            .lines()
            .filter(line -> line.startsWith("CapEff:"))
            .map(line -> line.substring("CapEff:".length()).strip())
            .findFirst()
            .orElse("0");
    return (Long.parseUnsignedLong(effective, 16) >>> CAP_SYS_ADMIN & 1) == 1
        ? Finding.ok("capabilities", "CAP_SYS_ADMIN is there")
        : Finding.failure(
            "capabilities",
            "this process has no CAP_SYS_ADMIN",
            "Run as root; for the service, keep CapabilityBoundingSet=CAP_SYS_ADMIN");
  }
}
