package io.blkcast.cli.quickstart;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.blkcast.client.Position;
import io.blkcast.schema.IncrementCommitted;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What a run of the quickstart amounts to. */
final class Report {

  private static final double MIB = 1 << 20;

  private final List<Row> rows = new ArrayList<>();

  /**
   * One increment.
   *
   * @param seconds from the trigger until the replica had applied it
   */
  private record Row(IncrementCommitted manifest, double seconds) {
    double rate() {
      return seconds == 0 ? 0 : manifest.getChangedBytes() / MIB / seconds;
    }
  }

  void add(IncrementCommitted manifest, double seconds) {
    rows.add(new Row(manifest, seconds));
  }

  private long changed() {
    return rows.stream().mapToLong(row -> row.manifest().getChangedBytes()).sum();
  }

  private long published() {
    return rows.stream().mapToLong(row -> row.manifest().getPayloadBytes()).sum();
  }

  private double seconds() {
    return rows.stream().mapToDouble(Row::seconds).sum();
  }

  void printTable(PrintWriter out, Proof proof) {
    out.printf(
        "%n%-10s %10s %14s %14s %9s %9s%n",
        "increment", "", "changed MiB", "published MiB", "seconds", "MiB/s");
    int number = 0;
    for (Row row : rows) {
      printRow(
          out,
          Integer.toString(++number),
          row.manifest().getKind().toString(),
          row.manifest().getChangedBytes(),
          row.manifest().getPayloadBytes(),
          row.seconds());
    }
    printRow(out, "total", "", changed(), published(), seconds());
    out.printf("%nsource   sha256 %s%n", proof.sourceDigest());
    out.printf("replica  sha256 %s%n", proof.replicaDigest());
    out.printf(
        "chain    %s%n",
        proof.chain().reason().isEmpty()
            ? "proved from Kafka alone, %d increments".formatted(proof.chain().increments())
            : proof.chain().verdict() + ": " + proof.chain().reason());
    out.printf("e2fsck   %s%n", proof.fsck().toString().toLowerCase(Locale.ROOT).replace('_', ' '));
    out.println(
        proof.identical()
            ? "\nThe replica is identical to the source's snapshot."
            : "\nThe replica DIFFERS from the source's snapshot.");
    out.flush();
  }

  private static void printRow(
      PrintWriter out, String number, String kind, long changed, long published, double seconds) {
    out.printf(
        Locale.ROOT,
        "%-10s %10s %14.1f %14.1f %9.2f %9.1f%n",
        number,
        kind,
        changed / MIB,
        published / MIB,
        seconds,
        seconds == 0 ? 0 : changed / MIB / seconds);
  }

  void printJson(PrintWriter out, Proof proof, String content) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("identical", proof.identical());
    object.put("increments", rows.size());
    object.put("changedBytes", changed());
    object.put("publishedBytes", published());
    object.put("seconds", seconds());
    object.put("content", content);
    object.put("sourceDigest", proof.sourceDigest());
    object.put("replicaDigest", proof.replicaDigest());
    object.put("chain", proof.chain().verdict().toString());
    proof
        .chain()
        .position()
        .map(Position::chainDigest)
        .ifPresent(d -> object.put("chainDigest", d));
    object.put("fsck", proof.fsck().toString());
    List<Map<String, Object>> each = new ArrayList<>();
    for (Row row : rows) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("incrementId", row.manifest().getIncrementId().toString());
      one.put("kind", row.manifest().getKind().toString());
      one.put("changedBytes", row.manifest().getChangedBytes());
      one.put("publishedBytes", row.manifest().getPayloadBytes());
      one.put("seconds", row.seconds());
      one.put("mibPerSecond", row.rate());
      each.add(one);
    }
    object.put("each", each);
    try {
      out.println(new ObjectMapper().writeValueAsString(object));
      out.flush();
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("strings and numbers are JSON", e);
    }
  }
}
