package io.blkcast.containers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.yaml.snakeyaml.Yaml;

/**
 * Images and environments as the project's compose file has them: what is tested is what is run.
 */
final class ComposeFile {

  private final JsonNode services;

  ComposeFile(Path file) throws IOException {
    // Of the YAML readers at hand, the one that understands "<<".
    Object root = new Yaml().load(Files.readString(file));
    services = new ObjectMapper().<JsonNode>valueToTree(root).path("services");
  }

  static ComposeFile ofThisProject() throws IOException {
    return new ComposeFile(Path.of(System.getProperty("compose.file")));
  }

  String image(String service) {
    return services.path(service).path("image").asText();
  }

  Map<String, String> environment(String service) {
    Map<String, String> environment = new HashMap<>();
    services
        .path(service)
        .path("environment")
        .properties()
        .forEach(entry -> environment.put(entry.getKey(), entry.getValue().asText()));
    return environment;
  }
}
