package io.blkcast.cli;

import io.blkcast.testkit.EmbeddedBroker;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialAlteration;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.security.scram.ScramLoginModule;

/**
 * A broker that asks everyone who they are and allows nothing that is not granted: one listener
 * with SASL/SCRAM over TLS, one with client certificates. Whoever is on the one without security is
 * its administrator.
 */
final class SecuredBroker implements AutoCloseable {

  static final String STORE_PASSWORD = "st0re-p4ssw0rd";
  private static final String SCRAM = "SCRAM-SHA-512";

  final EmbeddedBroker broker;
  final Certificates certificates;

  SecuredBroker(Path dir) throws Exception {
    certificates = new Certificates(dir.resolve("certificates"));
    Path server = certificates.keyStore("broker", STORE_PASSWORD);
    EmbeddedBroker.Builder builder =
        EmbeddedBroker.builder()
            .dataDir(dir.resolve("broker"))
            .listener("SCRAM", "SASL_SSL")
            .listener("MTLS", "SSL")
            .setting(
                "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
            .setting("super.users", "User:ANONYMOUS")
            .setting("listener.name.scram.sasl.enabled.mechanisms", SCRAM)
            .setting(
                "listener.name.scram.scram-sha-512.sasl.jaas.config",
                ScramLoginModule.class.getName() + " required;")
            .setting("listener.name.mtls.ssl.client.auth", "required");
    for (String listener : List.of("scram", "mtls")) {
      String prefix = "listener.name." + listener + ".ssl.";
      builder
          .setting(prefix + "keystore.location", server.toString())
          .setting(prefix + "keystore.password", STORE_PASSWORD)
          .setting(prefix + "keystore.type", "PKCS12")
          .setting(prefix + "truststore.location", certificates.trust().toString())
          .setting(prefix + "truststore.type", "PEM");
    }
    broker = builder.build();
    broker.start();
  }

  Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
  }

  /** Makes users of SASL/SCRAM, whose passwords are as {@link #password} has them. */
  void addUsers(String... names) throws Exception {
    List<UserScramCredentialAlteration> users = new ArrayList<>();
    for (String name : names) {
      users.add(
          new UserScramCredentialUpsertion(
              name, new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), password(name)));
    }
    try (Admin admin = admin()) {
      admin.alterUserScramCredentials(users).all().get();
    }
  }

  static String password(String user) {
    return "scr4m-of-" + user;
  }

  /** Client settings of a user of SASL/SCRAM. */
  Map<String, String> scram(String user, String password) {
    return Map.of(
        "bootstrap.servers",
        broker.bootstrapServers("SCRAM"),
        "security.protocol",
        "SASL_SSL",
        "ssl.truststore.type",
        "PEM",
        "ssl.truststore.location",
        certificates.trust().toString(),
        "sasl.mechanism",
        SCRAM,
        "sasl.jaas.config",
        "%s required username=\"%s\" password=\"%s\";"
            .formatted(ScramLoginModule.class.getName(), user, password));
  }

  /** Client settings of the owner of a certificate. */
  Map<String, String> certificate(String name) throws Exception {
    return Map.of(
        "bootstrap.servers",
        broker.bootstrapServers("MTLS"),
        "security.protocol",
        "SSL",
        "ssl.truststore.type",
        "PEM",
        "ssl.truststore.location",
        certificates.trust().toString(),
        "ssl.keystore.type",
        "PKCS12",
        "ssl.keystore.location",
        certificates.keyStore(name, STORE_PASSWORD).toString(),
        "ssl.keystore.password",
        STORE_PASSWORD,
        "ssl.key.password",
        STORE_PASSWORD);
  }

  /** A configuration with these client settings. */
  static String yaml(Map<String, String> kafka, String prefix) {
    StringBuilder yaml = new StringBuilder("kafka:\n");
    kafka.forEach(
        (key, value) -> yaml.append("  ").append(key).append(": '").append(value).append("'\n"));
    return yaml + "topics: { replicationFactor: 1, prefix: '" + prefix + "' }\n";
  }

  @Override
  public void close() {
    broker.close();
  }
}
