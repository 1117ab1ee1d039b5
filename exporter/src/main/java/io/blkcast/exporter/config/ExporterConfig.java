package io.blkcast.exporter.config;

import io.blkcast.config.ConfigException;
import io.blkcast.config.HostPort;
import io.blkcast.config.Redactor;
import io.blkcast.kafka.KafkaConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The whole configuration of an exporter, checked. Its {@code toString} holds no secret.
 *
 * @param kafka brokers and client settings, passed through
 * @param topics names and settings of the topics
 * @param schemaRegistry URL of a schema registry; without one, records carry Avro's single-object
 *     framing
 * @param volumes at least one
 * @param hooks commands around the snapshots of groups and volumes
 * @param nbd where tracked disks are served
 * @param http where the API listens
 * @param apiTokens file of bearer tokens that the API asks for; without one it asks for none
 * @param management where health and metrics listen
 * @param limits bounds of memory and threads
 * @param state directory for what must outlive a restart
 */
public record ExporterConfig(
    KafkaConfig kafka,
    TopicsConfig topics,
    Optional<String> schemaRegistry,
    List<VolumeConfig> volumes,
    List<HookConfig> hooks,
    NbdConfig nbd,
    HostPort http,
    Optional<Path> apiTokens,
    HostPort management,
    LimitsConfig limits,
    Path state) {

  public ExporterConfig {
    volumes = List.copyOf(volumes);
    hooks = List.copyOf(hooks);
  }

  /** Without secrets: the URL of a schema registry may hold a password. */
  @Override
  public String toString() {
    return "ExporterConfig[kafka=%s, topics=%s, schemaRegistry=%s, volumes=%s, nbd=%s, http=%s, "
            .formatted(kafka, topics, schemaRegistry.map(Redactor::text), volumes, nbd, http)
        + "apiTokens=%s, management=%s, limits=%s, state=%s]"
            .formatted(apiTokens, management, limits, state);
  }

  /**
   * Reads a file and the {@code BLKCAST_…} variables of the environment, which win.
   *
   * @throws ConfigException with every fault found
   */
  public static ExporterConfig load(Path file, Map<String, String> environment)
      throws ConfigException {
    String yaml;
    try {
      yaml = Files.readString(file);
    } catch (IOException e) {
      throw new ConfigException(
          List.of(file + ": cannot be read: " + e + "; name another with --config"));
    }
    return parse(String.valueOf(file.getFileName()), yaml, environment);
  }

  /**
   * Reads YAML text.
   *
   * @param name for error messages
   * @throws ConfigException with every fault found
   */
  public static ExporterConfig parse(String name, String yaml, Map<String, String> environment)
      throws ConfigException {
    return ConfigReader.read(name, yaml, environment);
  }

  /**
   * Names and settings of the topics that the exporter makes.
   *
   * @param prefix of every topic's name
   * @param partitions of chunks and extents, 1 or more
   * @param replicationFactor empty for the brokers' default
   */
  public record TopicsConfig(String prefix, int partitions, OptionalInt replicationFactor) {}

  /**
   * Where tracked disks are served over NBD; neither given: nowhere.
   *
   * @param listen TCP address
   * @param socket path of a Unix socket
   * @param clientsPerExport clients of one disk at once
   */
  public record NbdConfig(Optional<HostPort> listen, Optional<Path> socket, int clientsPerExport) {}

  /**
   * Bounds of memory and threads.
   *
   * @param inFlightBytes most bytes read and not yet acknowledged, over all volumes; whole buffers
   *     count, and those that lie ready may take as much again
   * @param inFlightBytesPerVolume the same for each volume; up to four times as much while its
   *     difference storage fills up
   * @param readers reads at once of a volume, up to four times as many while its difference storage
   *     fills up; all volumes share five times as many threads
   */
  public record LimitsConfig(long inFlightBytes, long inFlightBytesPerVolume, int readers) {}
}
