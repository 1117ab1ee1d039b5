package io.blkcast.codec;

import io.blkcast.schema.ChangedExtents;
import io.blkcast.schema.Checkpoint;
import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementAborted;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementStarted;
import io.blkcast.schema.Signal;
import io.blkcast.schema.VolumeEvent;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.util.ClassSecurityValidator;
import org.jspecify.annotations.Nullable;

/**
 * The schemas shipped in this jar: the current one of every record, and all earlier versions.
 *
 * <p>A version is the resource {@code /io/blkcast/schema/<record>.v<n>.avsc}, complete in itself; n
 * counts from 1 without gaps and the highest is the current one.
 */
final class Schemas {

  /** Current schemas of the records that travel, those that generated classes carry. */
  static final List<Schema> CURRENT =
      List.of(
          ChangedExtents.getClassSchema(),
          Checkpoint.getClassSchema(),
          DataChunk.getClassSchema(),
          IncrementAborted.getClassSchema(),
          IncrementCommitted.getClassSchema(),
          IncrementStarted.getClassSchema(),
          Signal.getClassSchema(),
          VolumeEvent.getClassSchema());

  private static final Map<String, Schema> BY_NAME = new HashMap<>();
  private static final Map<Long, Schema> BY_FINGERPRINT = new HashMap<>();
  private static final Map<String, String> SOURCES = new HashMap<>();

  static {
    String generated = DataChunk.class.getPackageName() + ".";
    ClassSecurityValidator.setGlobal(
        ClassSecurityValidator.composite(
            ClassSecurityValidator.getGlobal(), type -> type.getName().startsWith(generated)));
    for (Schema schema : CURRENT) {
      BY_NAME.put(schema.getFullName(), schema);
      List<String> versions = versions(schema.getName());
      for (String source : versions) {
        Schema version = new Schema.Parser().parse(source);
        BY_FINGERPRINT.put(fingerprint(version), version);
      }
      BY_FINGERPRINT.put(fingerprint(schema), schema);
      SOURCES.put(schema.getFullName(), versions.get(versions.size() - 1));
    }
  }

  private Schemas() {}

  /**
   * Reads a schema that somebody else wrote.
   *
   * @throws CodecException {@code MALFORMED} where it is none, or nests too deeply to be used
   */
  static Schema parse(String source) {
    try {
      return new Schema.Parser().parse(source);
    } catch (RuntimeException | StackOverflowError e) {
      // Avro fails with whatever it stumbles over.
      throw new CodecException(
          CodecException.Code.MALFORMED, "what is registered is no Avro schema: " + e, e);
    }
  }

  /** CRC-64-AVRO of the schema's parsing canonical form, as Avro's specification has it. */
  static long fingerprint(Schema schema) {
    return SchemaNormalization.parsingFingerprint64(schema);
  }

  /** The schema with this fingerprint, current or earlier; null where none is known. */
  static @Nullable Schema byFingerprint(long fingerprint) {
    return BY_FINGERPRINT.get(fingerprint);
  }

  /** Our own instance of an equal schema, so that it can be recognised by identity; else itself. */
  static Schema canonical(Schema schema) {
    Schema known = BY_FINGERPRINT.get(fingerprint(schema));
    return known == null ? schema : known;
  }

  /** The schema with which records of that name are read; null where we have no such record. */
  static @Nullable Schema current(String fullName) {
    return BY_NAME.get(fullName);
  }

  /** The current schema as text with its documentation and without marks of code generation. */
  static String source(Schema current) {
    String source = SOURCES.get(current.getFullName());
    if (source == null) {
      throw new IllegalArgumentException(current.getFullName() + " is no record of ours");
    }
    return source;
  }

  /** All versions of a record, oldest first, as kept. */
  static List<String> versions(String name) {
    List<String> versions = new ArrayList<>();
    for (int n = 1; ; n++) {
      String resource = "/io/blkcast/schema/" + name + ".v" + n + ".avsc";
      try (InputStream in = Schemas.class.getResourceAsStream(resource)) {
        if (in == null) {
          break;
        }
        versions.add(new String(in.readAllBytes(), StandardCharsets.UTF_8));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read " + resource + " from the jar", e);
      }
    }
    if (versions.isEmpty()) {
      throw new IllegalStateException("the jar holds no version of the schema of " + name);
    }
    return versions;
  }
}
