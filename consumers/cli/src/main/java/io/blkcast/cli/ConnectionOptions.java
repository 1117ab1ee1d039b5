package io.blkcast.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.blkcast.client.FollowerConfig;
import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.SchemaRegistryClient;
import io.blkcast.codec.TopicNames;
import io.blkcast.config.Redactor;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * How a consumer's command reaches Kafka. Reads {@code kafka}, {@code topics.prefix} and {@code
 * schemaRegistry.url} of a configuration file and the environment, so that an exporter's file and
 * environment serve as they are.
 */
final class ConnectionOptions {

  @Option(
      names = "--bootstrap-servers",
      paramLabel = "HOST:PORT",
      description = "Kafka's brokers; wins over the configuration file and the environment.")
  private @Nullable String bootstrapServers;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "YAML file with kafka (client properties, passed through), topics.prefix and"
              + " schemaRegistry.url; an exporter's file will do. BLKCAST_KAFKA_...,"
              + " BLKCAST_TOPICS_PREFIX and BLKCAST_SCHEMA_REGISTRY_URL win over it.")
  private @Nullable Path file;

  @Option(
      names = "--volume",
      required = true,
      paramLabel = "NAME",
      description = "Name of the volume, as configured at its exporter.")
  private String volume = "";

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  String volume() {
    return volume;
  }

  /**
   * The connection, with the follower's defaults for the rest.
   *
   * @param scratch directory for temporary files
   */
  FollowerConfig config(FollowerConfig.From from, String requestedBy, Path scratch) {
    Settings settings = read();
    Map<String, Object> common = new HashMap<>();
    Map<String, Object> consumer = new HashMap<>();
    Map<String, Object> producer = new HashMap<>();
    settings
        .kafka()
        .forEach(
            (key, value) -> {
              if (key.startsWith("consumer.")) {
                consumer.put(key.substring("consumer.".length()), value);
              } else if (key.startsWith("producer.")) {
                producer.put(key.substring("producer.".length()), value);
              } else if (!key.startsWith("admin.")) {
                common.put(key, value);
              }
            });
    if (bootstrapServers != null) {
      common.put("bootstrap.servers", bootstrapServers);
    }
    if (!common.containsKey("bootstrap.servers")) {
      throw fault(
          "where is Kafka? Give --bootstrap-servers, or --config with kafka: bootstrap.servers");
    }
    FollowerConfig defaults = FollowerConfig.of(volume, common);
    return new FollowerConfig(
        volume,
        topics(settings),
        codec(settings),
        common,
        consumer,
        producer,
        from,
        defaults.bufferBytes(),
        defaults.resyncRepeat(),
        requestedBy,
        scratch);
  }

  private TopicNames topics(Settings settings) {
    try {
      return settings.value("topics.prefix").map(TopicNames::new).orElseGet(TopicNames::defaults);
    } catch (IllegalArgumentException e) {
      throw fault("topics.prefix: " + e.getMessage());
    }
  }

  private RecordCodec codec(Settings settings) {
    Optional<String> url = settings.value("schemaRegistry.url");
    try {
      return url.isEmpty()
          ? RecordCodec.singleObject()
          : RecordCodec.registry(new SchemaRegistryClient(new URI(url.get())));
    } catch (URISyntaxException e) {
      // The message would quote the URL, which may hold a password.
      throw fault("schemaRegistry.url is no URL: " + e.getReason());
    } catch (IllegalArgumentException e) {
      throw fault("schemaRegistry.url: " + e.getMessage());
    }
  }

  private Settings read() {
    try {
      String yaml = file == null ? "" : Files.readString(file);
      List<String> faults = KnownKeys.faults(String.valueOf(file), yaml);
      if (!faults.isEmpty()) {
        throw fault("the configuration is wrong:\n" + String.join("\n", faults));
      }
      return new Settings(yaml, System.getenv());
    } catch (JsonProcessingException e) {
      // What follows the first line quotes the file, which may hold secrets.
      String problem = e.getOriginalMessage().lines().findFirst().orElse("unknown");
      throw fault("%s:%d is not YAML: %s".formatted(file, e.getLocation().getLineNr(), problem));
    } catch (IOException e) {
      throw fault("%s cannot be read: %s".formatted(file, e));
    }
  }

  private ParameterException fault(String message) {
    if (command == null) {
      throw new IllegalStateException("picocli sets the command");
    }
    return new ParameterException(command.commandLine(), Redactor.text(message));
  }
}
