package io.blkcast.exporter.doctor;

import io.blkcast.exporter.Publishing;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.publish.BrokerInspection;
import io.blkcast.kafka.BrokerException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The brokers, their topics, and the schema registry. Looks, and makes nothing. */
final class KafkaChecks {

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final ExporterConfig config;

  KafkaChecks(ExporterConfig config) {
    this.config = config;
  }

  List<Finding> run() {
    List<Finding> findings = new ArrayList<>();
    try {
      BrokerInspection brokers =
          BrokerInspection.of(
              Publishing.settings(config),
              config.volumes().stream().map(Publishing::volume).toList(),
              PATIENCE);
      findings.add(
          Finding.ok(
              "brokers", "cluster " + brokers.clusterId() + ", " + brokers.nodes() + " nodes"));
      topics(brokers, findings);
    } catch (BrokerException e) {
      findings.add(
          Finding.failure(
              "brokers",
              String.valueOf(e.getMessage()),
              "Check kafka.bootstrap.servers, the network, and what kafka.* says of TLS and SASL"));
    }
    config.schemaRegistry().ifPresent(url -> findings.add(registry(url)));
    return findings;
  }

  private static void topics(BrokerInspection brokers, List<Finding> findings) {
    brokers.faults().forEach(fault -> findings.add(split("topics", fault, true)));
    brokers.warnings().forEach(warning -> findings.add(split("topics", warning, false)));
    if (brokers.faults().isEmpty() && brokers.warnings().isEmpty()) {
      findings.add(
          Finding.ok(
              "topics",
              brokers.missing().isEmpty()
                  ? "are as they must be"
                  : "will be made: " + String.join(", ", brokers.missing())));
    }
  }

  /** Faults and warnings of topics name their remedy after a semicolon. */
  private static Finding split(String check, String text, boolean fault) {
    int at = text.indexOf("; ");
    String found = at < 0 ? text : text.substring(0, at);
    String remedy = at < 0 ? "" : text.substring(at + 2).replaceFirst("^remedy: ", "");
    return fault ? Finding.failure(check, found, remedy) : Finding.warning(check, found, remedy);
  }

  private static Finding registry(String url) {
    String remedy = "Check schemaRegistry.url, and that the registry speaks Confluent's API";
    try {
      int status =
          HttpClient.newBuilder()
              .connectTimeout(PATIENCE)
              .build()
              .send(
                  HttpRequest.newBuilder(URI.create(url.replaceFirst("/$", "") + "/subjects"))
                      .timeout(PATIENCE)
                      .build(),
                  HttpResponse.BodyHandlers.discarding())
              .statusCode();
      return status == 200
          ? Finding.ok("schema registry", "answers")
          : Finding.failure("schema registry", "answers with status " + status, remedy);
    } catch (IOException e) {
      return Finding.failure("schema registry", "does not answer: " + e, remedy);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Finding.failure("schema registry", "interrupted", remedy);
    }
  }
}
