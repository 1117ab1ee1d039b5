package io.blkcast.exporter;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;

/** As much of JSON Schema as the API's description uses; anything else in it is an error. */
final class SchemaCheck {

  private final JsonNode document;

  SchemaCheck(JsonNode document) {
    this.document = document;
  }

  void accept(JsonNode schema, JsonNode value, String place) {
    for (Map.Entry<String, JsonNode> keyword : schema.properties()) {
      JsonNode rule = keyword.getValue();
      switch (keyword.getKey()) {
        case "$ref" -> accept(document.at(rule.asText().substring(1)), value, place);
        case "type" ->
            assertThat(isOfType(rule.asText(), value))
                .as("%s: %s is %s", place, value, rule)
                .isTrue();
        case "enum" -> assertThat(rule).as(place).contains(value);
        case "minimum" ->
            assertThat(value.asLong()).as(place).isGreaterThanOrEqualTo(rule.asLong());
        case "pattern" -> assertThat(value.asText()).as(place).matches(rule.asText());
        case "format" -> format(rule.asText(), value.asText());
        case "required" ->
            rule.forEach(
                key -> assertThat(value.has(key.asText())).as("%s.%s", place, key).isTrue());
        case "properties" ->
            rule.properties()
                .forEach(
                    property -> {
                      if (value.has(property.getKey())) {
                        accept(
                            property.getValue(),
                            value.get(property.getKey()),
                            place + "." + property.getKey());
                      }
                    });
        case "additionalProperties" -> {
          assertThat(rule.asBoolean()).isFalse();
          value
              .fieldNames()
              .forEachRemaining(
                  name ->
                      assertThat(schema.get("properties").has(name))
                          .as("%s.%s is described", place, name)
                          .isTrue());
        }
        case "items" -> value.forEach(item -> accept(rule, item, place + "[]"));
        case "description" -> {}
        default -> throw new AssertionError("unknown keyword " + keyword.getKey());
      }
    }
  }

  private static boolean isOfType(String type, JsonNode value) {
    return switch (type) {
      case "object" -> value.isObject();
      case "array" -> value.isArray();
      case "string" -> value.isTextual();
      case "boolean" -> value.isBoolean();
      case "integer" -> value.isIntegralNumber();
      default -> throw new AssertionError("unknown type " + type);
    };
  }

  private static void format(String format, String text) {
    switch (format) {
      case "uuid" -> assertThat(UUID.fromString(text).toString()).isEqualTo(text);
      case "date-time" -> assertThat(Instant.parse(text)).isNotNull();
      default -> throw new AssertionError("unknown format " + format);
    }
  }
}
