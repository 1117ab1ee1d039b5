package io.blkcast.exporter.doctor;

import io.blkcast.config.ConfigException;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import io.blkcast.exporter.source.blksnap.BlksnapProbe;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Runs all checks that apply. Looks, and changes nothing. */
public final class Doctor {

  private final Host host;
  private final BlksnapProbe module;

  public Doctor(Host host, BlksnapProbe module) {
    this.host = host;
    this.module = module;
  }

  /**
   * Examines the host for a configuration. The kernel is looked at where a volume needs the module,
   * or where there is no configuration yet.
   *
   * @param environment with {@code BLKCAST_…} variables
   */
  public List<Finding> examine(Path file, Map<String, String> environment) {
    List<Finding> findings = new ArrayList<>();
    try {
      ExporterConfig config = ExporterConfig.load(file, environment);
      findings.add(Finding.ok("configuration", file + ", " + config.volumes().size() + " volumes"));
      if (config.volumes().stream().anyMatch(volume -> volume.source() == SourceKind.BLKSNAP)) {
        findings.addAll(new KernelChecks(host, module).run());
      }
      findings.addAll(new VolumeChecks(host, module, config).run());
      findings.addAll(new KafkaChecks(config).run());
    } catch (ConfigException e) {
      findings.add(
          Finding.failure(
              "configuration",
              String.valueOf(e.getMessage()),
              "Mend the file, or name another with --config"));
      findings.addAll(new KernelChecks(host, module).run());
    }
    return findings;
  }
}
