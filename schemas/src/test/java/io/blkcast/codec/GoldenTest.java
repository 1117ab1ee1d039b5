package io.blkcast.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.apache.avro.specific.SpecificRecordBase;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Pins the bytes of every record in both framings, by version of the schema. A file is written when
 * there is none and {@code -Dblkcast.keepGolden=true} is given; one that exists is never changed.
 */
class GoldenTest {

  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  @TestFactory
  Stream<DynamicTest> recordsEncodeAsTheyEverDid() throws IOException {
    RecordCodec single = RecordCodec.singleObject();
    FakeRegistry fake = new FakeRegistry();
    RecordCodec registry = RecordCodec.registry(new SchemaRegistryClient(fake.url()));
    return Samples.all().stream()
        .flatMap(
            record -> Stream.of(test("single", single, record), test("registry", registry, record)))
        .onClose(fake::close);
  }

  @TestFactory
  Stream<DynamicTest> recordsOfAllVersionsAreRead() throws IOException {
    try (Stream<Path> files = Files.list(GOLDEN)) {
      return files
          .filter(file -> file.getFileName().toString().endsWith(".single.hex"))
          .sorted()
          .toList()
          .stream()
          .map(
              file ->
                  DynamicTest.dynamicTest(
                      String.valueOf(file.getFileName()),
                      () -> {
                        ByteBuffer value = ByteBuffer.wrap(bytes(file));
                        SpecificRecordBase record = RecordCodec.singleObject().decode(value);
                        assertThat(file.getFileName().toString())
                            .startsWith(record.getSchema().getName() + ".");
                        assertThat(record.get(record.getSchema().getField("volume").pos()))
                            .isEqualTo("db01-data");
                      }));
    }
  }

  private static DynamicTest test(String framing, RecordCodec codec, SpecificRecordBase record) {
    String name = record.getSchema().getName();
    int version = Schemas.versions(name).size();
    Path file = GOLDEN.resolve(name + ".v" + version + "." + framing + ".hex");
    return DynamicTest.dynamicTest(
        String.valueOf(file.getFileName()),
        () -> {
          byte[] value = codec.encode("blkcast.topic", record);
          if (Boolean.getBoolean("blkcast.keepGolden") && !Files.exists(file)) {
            Files.createDirectories(GOLDEN);
            Files.writeString(
                file, HexFormat.of().formatHex(value).replaceAll(".{64}", "$0\n") + "\n");
          }
          assertThat(file).as("run with -Dblkcast.keepGolden=true").exists();
          assertThat(HexFormat.of().formatHex(value))
              .isEqualTo(HexFormat.of().formatHex(bytes(file)));
          assertThat(codec.decode(ByteBuffer.wrap(value))).isEqualTo(record);
        });
  }

  private static byte[] bytes(Path file) throws IOException {
    return HexFormat.of().parseHex(Files.readString(file).replaceAll("\\s", ""));
  }
}
