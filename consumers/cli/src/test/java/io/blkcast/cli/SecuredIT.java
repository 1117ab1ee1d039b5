package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.exporter.Exporter;
import io.blkcast.testkit.NeedsTool;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Brokers that let nobody do anything unasked: each role can do its work, and no more. */
@NeedsTool("openssl")
class SecuredIT {

  @TempDir private static Path dir;
  private static SecuredBroker secured;

  @BeforeAll
  static void start() throws Exception {
    secured = new SecuredBroker(dir);
    secured.addUsers("exporter", "consumer", "reader", "stranger");
    grant("exporter", "User:exporter", "--volume", Scene.VOLUME);
    grant("consumer", "User:consumer", "--group", "group");
    grant("consumer", "User:reader", "--no-signals");
    grant("exporter", "User:CN=exporter", "--volume", Scene.VOLUME, "--prefix", "mtls.");
    grant("consumer", "User:CN=consumer", "--prefix", "mtls.");
  }

  @AfterAll
  static void stop() {
    secured.close();
  }

  private static void grant(String role, String principal, String... more) {
    List<String> arguments =
        new java.util.ArrayList<>(
            List.of(
                "acls",
                role,
                "--principal",
                principal,
                "--apply",
                "--bootstrap-servers",
                secured.broker.bootstrapServers()));
    arguments.addAll(List.of(more));
    StringWriter out = new StringWriter();
    int status =
        ExporterCommands.root()
            .setOut(new PrintWriter(out))
            .setErr(new PrintWriter(out))
            .execute(arguments.toArray(String[]::new));
    assertThat(status).as(out.toString()).isZero();
  }

  private static Map<String, String> user(String name) {
    return secured.scram(name, SecuredBroker.password(name));
  }

  @Test
  void over_tls_with_passwords_each_role_does_its_work_and_no_more() throws Exception {
    replicate("blkcast.", user("exporter"), user("consumer"));
    try (Scene scene = new Scene(dir.resolve("reader"), "")) {
      // Who may give no signals reads all the same.
      String reader = SecuredBroker.yaml(user("reader"), "blkcast.");
      Scene.Ended ended = scene.replicateOnce(reader);
      assertThat(ended.status()).as(ended.output()).isZero();
    }
    try (Attempts attempts = new Attempts(secured.broker.bootstrapServers(), "blkcast.")) {
      attempts.fill();
      Map<String, String> expected = new TreeMap<>();
      for (String topic : List.of("increments", "extents", "chunks", "events")) {
        expected.put("write " + topic, "exporter");
        expected.put("read " + topic, "consumer reader");
      }
      expected.put("read increments", "exporter consumer reader");
      expected.put("write checkpoints", "exporter");
      expected.put("read checkpoints", "exporter consumer reader");
      expected.put("write signals", "consumer");
      expected.put("read signals", "exporter");
      expected.put("write elsewhere", "");
      expected.put("read elsewhere", "");
      expected.put("commit as blkcast." + Scene.VOLUME, "exporter");
      expected.put("commit as blkcast.other", "");
      expected.put("join group", "consumer");
      expected.put("make a topic", "");
      expected.put("delete a topic", "");
      expected.put("delete records", "");
      expected.put("change a topic", "");
      expected.put("add partitions", "");
      expected.put("grant", "");
      expected.put("read grants", "");
      expected.put("change a password", "");
      Map<String, String> found =
          attempts.of(
              Scene.VOLUME,
              Map.of(
                  "exporter", user("exporter"),
                  "consumer", user("consumer"),
                  "reader", user("reader"),
                  "stranger", user("stranger")),
              List.of("exporter", "consumer", "reader", "stranger"));
      assertThat(found).isEqualTo(expected);
    }
  }

  @Test
  void with_certificates_each_role_does_its_work() throws Exception {
    replicate("mtls.", secured.certificate("exporter"), secured.certificate("consumer"));
  }

  private static void replicate(
      String prefix, Map<String, String> exporter, Map<String, String> consumer) throws Exception {
    String yaml = SecuredBroker.yaml(consumer, prefix);
    try (Scene scene =
        new Scene(dir.resolve("scene-" + prefix), SecuredBroker.yaml(exporter, prefix))) {
      scene.startReady();
      for (int i = 0; i < 2; i++) {
        scene.write();
        scene.increment();
        Scene.Ended ended = scene.replicateOnce(yaml);
        assertThat(ended.status()).as(ended.output()).isZero();
        scene.assertIdentical(yaml);
      }
    }
  }

  @Test
  void a_denied_exporter_is_told_who_lacks_what_and_what_to_do() throws Exception {
    assertThatExporterFails(user("stranger"))
        .hasMessageContaining("blkcast.")
        .hasMessageContaining("User:stranger")
        .hasMessageContaining("blkcast acls exporter");
    assertThatExporterFails(secured.certificate("stranger"))
        .hasMessageContaining("User:CN=stranger");
    assertThatExporterFails(secured.scram("exporter", "wr0ng-p4ssw0rd"))
        .hasMessageContaining("check kafka.sasl")
        .hasMessageNotContaining("wr0ng-p4ssw0rd");
    Map<String, String> nobody = new TreeMap<>(user("exporter"));
    nobody.put("ssl.truststore.location", new Certificates(dir.resolve("else")).trust().toString());
    assertThatExporterFails(nobody).hasMessageContaining("check kafka.ssl");
  }

  private static org.assertj.core.api.AbstractThrowableAssert<?, ? extends Throwable>
      assertThatExporterFails(Map<String, String> kafka) throws Exception {
    Path fresh = Files.createTempDirectory(dir, "denied");
    try (Scene scene = new Scene(fresh, SecuredBroker.yaml(kafka, "blkcast."))) {
      Exporter exporter = scene.start();
      return assertThatThrownBy(() -> Scene.await(exporter.ready()));
    }
  }

  @Test
  void a_denied_consumer_is_told_who_lacks_what_and_what_to_do() throws Exception {
    try (Scene scene = new Scene(Files.createTempDirectory(dir, "denied"), "")) {
      Scene.Ended ended = scene.replicateOnce(SecuredBroker.yaml(user("stranger"), "blkcast."));
      assertThat(ended.status()).isEqualTo(1);
      assertThat(ended.output())
          .contains("blkcast.increments")
          .contains("User:stranger")
          .contains("blkcast acls consumer");
    }
  }

  @Test
  void the_printed_script_grants_the_same() {
    StringWriter out = new StringWriter();
    ExporterCommands.root()
        .setOut(new PrintWriter(out))
        .execute("acls", "exporter", "--principal", "User:CN=a b", "--volume", "db");
    assertThat(out.toString())
        .contains(
            "acls --add --allow-principal 'User:CN=a b' --operation WRITE --operation"
                + " DESCRIBECONFIGS --topic blkcast.chunks\n")
        .contains("--operation WRITE --transactional-id blkcast.db\n")
        .doesNotContain("--operation WRITE --topic blkcast.signals")
        .doesNotContain("--cluster");
  }
}
