package io.blkcast.exporter.config;

import io.blkcast.codec.ChunkContent;
import io.blkcast.config.ConfigException;
import io.blkcast.config.ConfigNode;
import io.blkcast.config.ConfigSection;
import io.blkcast.config.HostPort;
import io.blkcast.config.Quantities;
import io.blkcast.config.Redactor;
import io.blkcast.config.YamlReader;
import io.blkcast.exporter.config.ExporterConfig.LimitsConfig;
import io.blkcast.exporter.config.ExporterConfig.NbdConfig;
import io.blkcast.exporter.config.ExporterConfig.TopicsConfig;
import io.blkcast.exporter.config.VolumeConfig.Compression;
import io.blkcast.exporter.config.VolumeConfig.DifferenceStorageConfig;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import io.blkcast.exporter.config.VolumeConfig.TriggersConfig;
import io.blkcast.kafka.KafkaConfig;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;

/** Turns the file's sections into records, with the defaults and the ranges in one place. */
final class ConfigReader {

  private static final long KIB = 1L << 10;
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;

  /** What Kafka allows in a topic's name, short enough to be a part of one. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");

  /** Stands for a path that is not given, which is told by itself. */
  private static final Path MISSING = Path.of("?");

  private static final Pattern PREFIX = Pattern.compile("[A-Za-z0-9._-]{0,100}");

  private final List<String> problems = new ArrayList<>();

  private ConfigReader() {}

  static ExporterConfig read(String name, String yaml, Map<String, String> environment)
      throws ConfigException {
    ConfigNode.Mapping root = YamlReader.read(name, yaml);
    ConfigReader reader = new ConfigReader();
    EnvironmentOverrides.apply(root, environment, reader.problems);
    ExporterConfig config = reader.exporter(new ConfigSection(root, "", reader.problems));
    if (!reader.problems.isEmpty()) {
      throw new ConfigException(reader.problems.stream().map(Redactor::text).toList());
    }
    return config;
  }

  private ExporterConfig exporter(ConfigSection root) {
    try (root) {
      Path state = root.value("state", Path::of).orElse(Path.of("/var/lib/blkcast"));
      KafkaConfig kafka = new KafkaConfig(root.section("kafka").all(KafkaConfig::problem));
      if (kafka.bootstrapServers().isBlank()) {
        root.fault(
            "kafka",
            "where are the brokers? Write for instance 'kafka: {bootstrap.servers: \"kafka-1:9092\"}'");
      }
      TopicsConfig topics = topics(root.section("topics"));
      Optional<String> registry = registry(root.section("schemaRegistry"));
      List<VolumeConfig> volumes = volumes(root, topics, state);
      List<HookConfig> hooks = hooks(root, volumes);
      NbdConfig nbd = nbd(root.section("nbd"));
      ConfigSection api = root.section("http");
      Optional<Path> tokens = api.value("tokens", Path::of);
      HostPort http = listen(api, "127.0.0.1:8080");
      HostPort management = listen(root.section("management"), "127.0.0.1:8081");
      Map<String, HostPort> listeners = new LinkedHashMap<>();
      nbd.listen().ifPresent(address -> listeners.put("nbd", address));
      listeners.put("http", http);
      listeners.put("management", management);
      checkListeners(root, listeners);
      LimitsConfig limits = limits(root.section("limits"), volumes);
      return new ExporterConfig(
          kafka, topics, registry, volumes, hooks, nbd, http, tokens, management, limits, state);
    }
  }

  /** Two servers on one address would both get its connections, by turns. */
  private static void checkListeners(ConfigSection root, Map<String, HostPort> listeners) {
    List<String> names = List.copyOf(listeners.keySet());
    for (int second = 1; second < names.size(); second++) {
      for (String first : names.subList(0, second)) {
        String name = names.get(second);
        HostPort other = listeners.get(first);
        HostPort address = listeners.get(name);
        if (other != null && address != null && address.overlaps(other)) {
          root.fault(
              name,
              "listens on "
                  + address
                  + ", where '"
                  + first
                  + "' does ("
                  + other
                  + "); give it a port of its own");
        }
      }
    }
  }

  private TopicsConfig topics(ConfigSection section) {
    try (section) {
      return new TopicsConfig(
          section
              .value("prefix", matching(PREFIX, "letters, digits, '.', '_' and '-'"))
              .orElse("blkcast."),
          section.value("partitions", whole(1, 10_000)).orElse(1),
          section
              .value(
                  "replicationFactor",
                  text -> "default".equals(text) ? 0 : whole(1, 100).apply(text))
              .filter(factor -> factor > 0)
              .map(OptionalInt::of)
              .orElse(OptionalInt.empty()));
    }
  }

  private Optional<String> registry(ConfigSection section) {
    try (section) {
      return section.value(
          "url",
          text -> {
            URI uri = URI.create(text);
            if (!"http".equals(uri.getScheme()) && !"https".equals(uri.getScheme())) {
              throw new IllegalArgumentException(
                  "'" + text + "' is not a URL; write for instance http://registry:8081");
            }
            return text;
          });
    }
  }

  private List<VolumeConfig> volumes(ConfigSection root, TopicsConfig topics, Path state) {
    List<VolumeConfig> volumes = new ArrayList<>();
    Set<String> names = new HashSet<>();
    List<ConfigSection> sections = root.sections("volumes");
    for (ConfigSection section : sections) {
      try (section) {
        VolumeConfig volume = volume(section);
        if (!names.add(volume.name())) {
          section.fault("name", "two volumes are called '" + volume.name() + "'");
        }
        if (volume.stripes() > topics.partitions()) {
          section.fault(
              "partitions",
              volume.stripes()
                  + " stripes need as many partitions; raise topics.partitions, which is "
                  + topics.partitions());
        }
        volumes.add(volume);
      }
    }
    FileUses.check(sections, volumes, MISSING, state);
    Map<String, SourceKind> groups = new HashMap<>();
    for (VolumeConfig volume : volumes) {
      volume
          .group()
          .filter(group -> groups.merge(group, volume.source(), (a, b) -> a) != volume.source())
          .ifPresent(
              group ->
                  root.fault(
                      "volumes",
                      "group '" + group + "' mixes sources, which cannot be taken together"));
    }
    if (volumes.isEmpty()) {
      root.fault("volumes", "no volume is configured; add one with '- name: …'");
    }
    return volumes;
  }

  private VolumeConfig volume(ConfigSection section) {
    String name =
        section.required(
            "name",
            matching(NAME, "at most 63 letters, digits, '.', '_' and '-'"),
            "?",
            "db01-data");
    SourceKind source =
        section
            .choice("source", Map.of("disk", SourceKind.DISK, "blksnap", SourceKind.BLKSNAP))
            .orElse(SourceKind.DISK);
    Path path =
        source == SourceKind.DISK
            ? section.required("path", Path::of, MISSING, "/var/lib/blkcast/" + name + ".img")
            : section.required("device", Path::of, MISSING, "/dev/disk/by-id/" + name);
    Optional<Long> size = section.value("size", bytes(MIB, 1L << 50));
    int block =
        section.value("blockSize", bytes(4 * KIB, 64 * MIB)).map(Math::toIntExact).orElse(65536);
    if (Integer.bitCount(block) != 1) {
      section.fault("blockSize", "must be a power of two, such as 64KiB");
    }
    int chunk =
        section
            .value("chunkSize", bytes(4 * KIB, ChunkContent.MOST_BYTES))
            .map(Math::toIntExact)
            .orElse(262144);
    if (chunk % 4096 != 0) {
      section.fault("chunkSize", "must be a multiple of 4096 bytes");
    }
    return new VolumeConfig(
        name,
        source,
        path,
        size.map(OptionalLong::of).orElse(OptionalLong.empty()),
        differenceStorage(section.section("differenceStorage")),
        triggers(section.section("triggers")),
        chunk,
        block,
        section
            .choice("compression", Map.of("none", Compression.NONE, "zstd", Compression.ZSTD))
            .orElse(Compression.NONE),
        section.value("partitions", whole(1, 10_000)).orElse(1),
        section.value("group", matching(NAME, "at most 63 letters, digits, '.', '_' and '-'")));
  }

  private DifferenceStorageConfig differenceStorage(ConfigSection section) {
    try (section) {
      Optional<Path> path = section.value("path", Path::of);
      OptionalLong limit = size(section, "limit");
      OptionalLong most = size(section, "growTo");
      if (most.isPresent() && (limit.isEmpty() || most.getAsLong() < limit.getAsLong())) {
        section.fault("growTo", "is what 'limit' may grow to: give a limit, at most that");
      }
      return new DifferenceStorageConfig(path, limit, most);
    }
  }

  private List<HookConfig> hooks(ConfigSection root, List<VolumeConfig> volumes) {
    List<HookConfig> hooks = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (ConfigSection section : root.sections("hooks")) {
      try (section) {
        HookConfig hook = hook(section);
        if (hook.group().isPresent() == hook.volume().isPresent()) {
          section.fault(
              "group", "give either 'group' or 'volume': whose snapshots the hooks are for");
        } else if (hook.group().isPresent()) {
          if (volumes.stream().noneMatch(volume -> volume.group().equals(hook.group()))) {
            section.fault("group", "no volume is in group '" + hook.name() + "'");
          }
        } else {
          hookedVolume(section, hook, volumes);
        }
        if (!names.add(hook.name())) {
          section.fault("group", "'" + hook.name() + "' has hooks already");
        }
        if (hook.limit().compareTo(hook.timeout()) <= 0) {
          section.fault("limit", "must be longer than 'timeout', or it is over with 'before'");
        }
        hooks.add(hook);
      }
    }
    return hooks;
  }

  private static void hookedVolume(
      ConfigSection section, HookConfig hook, List<VolumeConfig> volumes) {
    List<VolumeConfig> named =
        volumes.stream().filter(volume -> volume.name().equals(hook.name())).toList();
    if (named.isEmpty()) {
      section.fault("volume", "there is no volume '" + hook.name() + "'");
    } else {
      named
          .get(0)
          .group()
          .ifPresent(
              group ->
                  section.fault(
                      "volume",
                      "'"
                          + hook.name()
                          + "' is taken with its group: write 'group: "
                          + group
                          + "' instead"));
    }
  }

  private HookConfig hook(ConfigSection section) {
    Function<String, String> name = matching(NAME, "at most 63 letters, digits, '.', '_' and '-'");
    return new HookConfig(
        section.value("group", name),
        section.value("volume", name),
        section.value("before", Function.identity()).orElse(""),
        section.required("after", Function.identity(), "?", "fsfreeze --unfreeze /data"),
        section
            .value("timeout", within(Duration.ofMillis(100), Duration.ofMinutes(10)))
            .orElse(Duration.ofSeconds(10)),
        section
            .value("limit", within(Duration.ofMillis(200), Duration.ofMinutes(30)))
            .orElse(Duration.ofSeconds(30)),
        section
            .choice(
                "level",
                Map.of(
                    "filesystem",
                    HookConfig.Level.FILESYSTEM,
                    "application",
                    HookConfig.Level.APPLICATION))
            .orElse(HookConfig.Level.APPLICATION),
        section.choice("required", Map.of("true", true, "false", false)).orElse(false));
  }

  private static Function<String, Duration> within(Duration least, Duration most) {
    return text -> {
      Duration time = Quantities.duration(text);
      if (time.compareTo(least) < 0 || time.compareTo(most) > 0) {
        throw new IllegalArgumentException(
            "'"
                + text
                + "' is out of range; "
                + least.toMillis()
                + " to "
                + most.toMillis()
                + " ms");
      }
      return time;
    };
  }

  private static OptionalLong size(ConfigSection section, String key) {
    return section
        .value(key, bytes(MIB, 1L << 50))
        .map(OptionalLong::of)
        .orElse(OptionalLong.empty());
  }

  private TriggersConfig triggers(ConfigSection section) {
    try (section) {
      Optional<Duration> every = section.value("every", Quantities::duration);
      every
          .filter(period -> period.compareTo(Duration.ofSeconds(1)) < 0)
          .ifPresent(period -> section.fault("every", "must be at least 1s"));
      return new TriggersConfig(
          every,
          section
              .value("changedBytes", bytes(4 * KIB, Long.MAX_VALUE))
              .map(OptionalLong::of)
              .orElse(OptionalLong.empty()));
    }
  }

  private NbdConfig nbd(ConfigSection section) {
    try (section) {
      return new NbdConfig(
          section.value("listen", HostPort::parse),
          section.value("socket", Path::of),
          section.value("clientsPerExport", whole(1, 1024)).orElse(32));
    }
  }

  private HostPort listen(ConfigSection section, String standard) {
    try (section) {
      return section.value("listen", HostPort::parse).orElseGet(() -> HostPort.parse(standard));
    }
  }

  private LimitsConfig limits(ConfigSection section, List<VolumeConfig> volumes) {
    try (section) {
      int largest = volumes.stream().mapToInt(VolumeConfig::chunkBytes).max().orElse(0);
      long perVolume = section.value("inFlightPerVolume", bytes(MIB, GIB)).orElse(16 * MIB);
      long all = section.value("inFlight", bytes(MIB, 16 * GIB)).orElse(64 * MIB);
      if (perVolume < largest || all < largest) {
        section.fault(
            perVolume < largest ? "inFlightPerVolume" : "inFlight",
            "must hold at least one chunk of " + largest + " bytes");
      }
      return new LimitsConfig(all, perVolume, section.value("readers", whole(1, 256)).orElse(4));
    }
  }

  private static Function<String, Long> bytes(long least, long most) {
    return text -> {
      long size = Quantities.size(text);
      if (size < least || size > most) {
        throw new IllegalArgumentException(
            "'" + text + "' is out of range; " + least + " to " + most + " bytes are allowed");
      }
      return size;
    };
  }

  private static Function<String, Integer> whole(int least, int most) {
    return text -> {
      try {
        int number = Integer.parseInt(text);
        if (number >= least && number <= most) {
          return number;
        }
      } catch (NumberFormatException e) {
        // told below
      }
      throw new IllegalArgumentException(
          "'" + text + "' must be a whole number from " + least + " to " + most);
    };
  }

  private static Function<String, String> matching(Pattern pattern, String allowed) {
    return text -> {
      if (!pattern.matcher(text).matches()) {
        throw new IllegalArgumentException("'" + text + "' may only hold " + allowed);
      }
      return text;
    };
  }
}
