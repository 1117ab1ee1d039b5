package io.blkcast.codec;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Every version of every schema is kept in the tree, and today's reads them all.
 *
 * <p>After a change of a schema run this test once with {@code -Dblkcast.keepSchemas=true}: a
 * change of documentation alone is taken over into the newest version kept, any other becomes a
 * version of its own.
 */
class SchemaHistoryTest {

  private static final Path SOURCES = Path.of("src/main/avro");
  private static final Path KEPT = Path.of("src/main/resources/io/blkcast/schema");

  /** In the order in which they refer to each other. */
  private static final List<String> SHARED =
      List.of("Source", "IncrementKind", "Consistency", "PartitionRange");

  private static final Map<String, Schema> SCHEMAS = new LinkedHashMap<>();

  @BeforeAll
  static void parseSources() throws IOException {
    Schema.Parser parser = new Schema.Parser();
    for (String shared : SHARED) {
      parser.parse(SOURCES.resolve(shared + ".avsc").toFile());
    }
    try (Stream<Path> files = Files.list(SOURCES)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString().replace(".avsc", "");
        if (!SHARED.contains(name)) {
          SCHEMAS.put(name, parser.parse(file.toFile()));
        }
      }
    }
    if (Boolean.getBoolean("blkcast.keepSchemas")) {
      for (Map.Entry<String, Schema> schema : SCHEMAS.entrySet()) {
        keep(schema.getKey(), schema.getValue());
      }
    }
  }

  private static void keep(String name, Schema schema) throws IOException {
    Files.createDirectories(KEPT);
    int newest = kept(name).size();
    boolean same = newest > 0 && kept(name).get(newest - 1).equals(schema);
    Files.writeString(file(name, same ? newest : newest + 1), schema.toString(true) + "\n");
  }

  private static Path file(String name, int version) {
    return KEPT.resolve(name + ".v" + version + ".avsc");
  }

  private static List<Schema> kept(String name) throws IOException {
    List<Schema> versions = new ArrayList<>();
    for (int n = 1; Files.exists(file(name, n)); n++) {
      versions.add(new Schema.Parser().parse(file(name, n).toFile()));
    }
    return versions;
  }

  @Test
  void everyRecordThatTravelsIsKnownToTheCodec() {
    assertThat(Schemas.CURRENT.stream().map(Schema::getName))
        .containsExactlyInAnyOrderElementsOf(SCHEMAS.keySet());
  }

  @TestFactory
  Stream<DynamicTest> theNewestVersionKeptIsTodaysSchema() {
    return SCHEMAS.entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey(),
                    () -> {
                      List<Schema> kept = kept(entry.getKey());
                      assertThat(kept)
                          .as("no version is kept: run with -Dblkcast.keepSchemas=true")
                          .isNotEmpty();
                      assertThat(kept.get(kept.size() - 1).toString(true))
                          .as(
                              "the schema changed and its earlier version would be lost:"
                                  + " run with -Dblkcast.keepSchemas=true")
                          .isEqualTo(entry.getValue().toString(true));
                    }));
  }

  @TestFactory
  Stream<DynamicTest> todaysSchemaReadsAllEarlierVersions() {
    return SCHEMAS.entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey(),
                    () -> {
                      List<Schema> kept = kept(entry.getKey());
                      assertThat(kept).isNotEmpty();
                      for (Schema writer : kept) {
                        assertThat(
                                SchemaCompatibility.checkReaderWriterCompatibility(
                                        entry.getValue(), writer)
                                    .getResult())
                            .as("reading version %d", kept.indexOf(writer) + 1)
                            .matches(
                                result ->
                                    result.getCompatibility() == SchemaCompatibilityType.COMPATIBLE,
                                "compatible");
                      }
                    }));
  }

  @Test
  void aChangeThatBreaksReadersIsCaught() {
    Schema committed = requireNonNull(SCHEMAS.get("IncrementCommitted"));
    List<Schema.Field> fields =
        new ArrayList<>(
            committed.getFields().stream()
                .map(field -> new Schema.Field(field, field.schema()))
                .toList());
    fields.add(new Schema.Field("without_default", Schema.create(Schema.Type.LONG)));
    Schema broken =
        Schema.createRecord("IncrementCommitted", null, committed.getNamespace(), false, fields);
    assertThat(
            SchemaCompatibility.checkReaderWriterCompatibility(broken, committed)
                .getResult()
                .getCompatibility())
        .isEqualTo(SchemaCompatibilityType.INCOMPATIBLE);
  }

  @Test
  void everyFieldIsDocumented() {
    for (Schema schema : SCHEMAS.values()) {
      assertThat(schema.getDoc()).isNotBlank();
      for (Schema.Field field : schema.getFields()) {
        assertThat(field.doc()).as("%s.%s", schema.getName(), field.name()).isNotBlank();
      }
    }
  }

  @Test
  void theGeneratedClassesAreOfTodaysSchemas() {
    for (Schema generated : Schemas.CURRENT) {
      assertThat(Schemas.fingerprint(generated))
          .isEqualTo(Schemas.fingerprint(requireNonNull(SCHEMAS.get(generated.getName()))));
    }
  }
}
