package io.blkcast.config;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/**
 * Reads YAML into {@link ConfigNode}s, which Jackson's own tree cannot do: it forgets the lines.
 */
public final class YamlReader {

  private static final YAMLFactory YAML = new YAMLFactory();

  private final String file;
  private final JsonParser parser;

  private YamlReader(String file, JsonParser parser) {
    this.file = file;
    this.parser = parser;
  }

  /**
   * @param file name for error messages
   * @return the root section, empty for an empty file
   */
  public static ConfigNode.Mapping read(String file, String yaml) throws ConfigException {
    try (JsonParser parser = YAML.createParser(yaml)) {
      YamlReader reader = new YamlReader(file, parser);
      if (parser.nextToken() == null || parser.currentToken() == JsonToken.VALUE_NULL) {
        return new ConfigNode.Mapping(file + ":1:1", new LinkedHashMap<>());
      }
      ConfigNode root = reader.node();
      if (parser.nextToken() != null) {
        throw fault(reader.place(), "a second YAML document; one configuration is one document");
      }
      if (root instanceof ConfigNode.Mapping mapping) {
        return mapping;
      }
      throw fault(
          root.place(), "expected sections such as 'volumes:' at the top, found " + root.kind());
    } catch (JsonProcessingException e) {
      // What follows the first line quotes the file, which may hold secrets.
      String problem = e.getOriginalMessage().lines().findFirst().orElse("unknown");
      throw fault(place(file, e.getLocation()), "not valid YAML: " + problem);
    } catch (IOException e) {
      throw fault(file, e.toString());
    }
  }

  private ConfigNode node() throws IOException, ConfigException {
    String place = place();
    return switch (parser.currentToken()) {
      case START_OBJECT -> mapping(place);
      case START_ARRAY -> sequence(place);
      case VALUE_NULL -> new ConfigNode.Scalar(place, "");
      default -> new ConfigNode.Scalar(place, parser.getText());
    };
  }

  private ConfigNode mapping(String place) throws IOException, ConfigException {
    LinkedHashMap<String, ConfigNode> entries = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      String keyPlace = place();
      parser.nextToken();
      if (entries.put(key, node()) != null) {
        throw fault(keyPlace, "key '" + key + "' stands here twice; remove one");
      }
    }
    return new ConfigNode.Mapping(place, entries);
  }

  private ConfigNode sequence(String place) throws IOException, ConfigException {
    List<ConfigNode> items = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      items.add(node());
    }
    return new ConfigNode.Sequence(place, items);
  }

  private String place() {
    return place(file, parser.currentTokenLocation());
  }

  private static String place(String file, JsonLocation at) {
    return file + ":" + Math.max(1, at.getLineNr()) + ":" + Math.max(1, at.getColumnNr());
  }

  private static ConfigException fault(String place, String problem) {
    return new ConfigException(List.of(place + ": " + problem));
  }
}
