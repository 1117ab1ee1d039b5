package io.blkcast.replicator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.blkcast.client.FollowerConfig;
import io.blkcast.codec.RecordCodec;
import io.blkcast.codec.SchemaRegistryClient;
import io.blkcast.codec.TopicNames;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * How a consumer's command reaches Kafka. Reads {@code kafka}, {@code topics.prefix} and {@code
 * schemaRegistry.url} of a configuration file, so that an exporter's file serves as it is.
 */
final class ConnectionOptions {

  @Option(
      names = "--bootstrap-servers",
      paramLabel = "HOST:PORT",
      description = "Kafka's brokers; wins over the configuration file.")
  private @Nullable String bootstrapServers;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "YAML file with kafka (client properties, passed through), topics.prefix and"
              + " schemaRegistry.url; an exporter's file will do.")
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

  /** The connection, with the follower's defaults for the rest. */
  FollowerConfig config(FollowerConfig.From from, String requestedBy) {
    JsonNode root = read();
    Map<String, Object> common = new HashMap<>();
    Map<String, Object> consumer = new HashMap<>();
    Map<String, Object> producer = new HashMap<>();
    root.path("kafka")
        .properties()
        .forEach(
            entry -> {
              String key = entry.getKey();
              String value = entry.getValue().asText();
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
        topics(root),
        codec(root),
        common,
        consumer,
        producer,
        from,
        defaults.bufferBytes(),
        defaults.resyncRepeat(),
        requestedBy);
  }

  private TopicNames topics(JsonNode root) {
    JsonNode prefix = root.path("topics").path("prefix");
    try {
      return prefix.isMissingNode() ? TopicNames.defaults() : new TopicNames(prefix.asText());
    } catch (IllegalArgumentException e) {
      throw fault(file + ": " + e.getMessage());
    }
  }

  private RecordCodec codec(JsonNode root) {
    String url = root.path("schemaRegistry").path("url").asText("");
    try {
      return url.isEmpty()
          ? RecordCodec.singleObject()
          : RecordCodec.registry(new SchemaRegistryClient(new URI(url)));
    } catch (URISyntaxException e) {
      // The message would quote the URL, which may hold a password.
      throw fault(file + ": schemaRegistry.url is no URL: " + e.getReason());
    } catch (IllegalArgumentException e) {
      throw fault(file + ": schemaRegistry.url: " + e.getMessage());
    }
  }

  private JsonNode read() {
    if (file == null) {
      return MissingNode.getInstance();
    }
    try {
      String yaml = Files.readString(file);
      List<String> faults = KnownKeys.faults(file.toString(), yaml);
      if (!faults.isEmpty()) {
        throw fault("the configuration is wrong:\n" + String.join("\n", faults));
      }
      JsonNode root = new YAMLMapper().readTree(yaml);
      return root == null ? MissingNode.getInstance() : root;
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
    return new ParameterException(command.commandLine(), message);
  }
}
