package io.blkcast.exporter.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class RedactorTest {

  private static final String SECRET = "hunter2";

  @Test
  void values_of_secret_keys_are_hidden() {
    for (String key :
        List.of(
            "sasl.jaas.config",
            "listener.name.x.sasl.jaas.config",
            "ssl.keystore.password",
            "ssl.key.password",
            "ssl.truststore.password",
            "ssl.keystore.key",
            "producer.ssl.keystore.key",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.login.token",
            "api.token",
            "db-passphrase",
            "basic.auth.user.info",
            "schema.registry.basic.auth.user.info",
            "bearer.auth.token",
            "aws.secret_access_key")) {
      assertThat(Redactor.value(key, SECRET)).as(key).doesNotContain(SECRET);
    }
  }

  @Test
  void values_of_other_keys_are_shown() {
    for (String key :
        List.of(
            "bootstrap.servers",
            "ssl.truststore.location",
            "ssl.keystore.certificate.chain",
            "security.protocol",
            "sasl.mechanism",
            "linger.ms",
            "max.request.size")) {
      assertThat(Redactor.value(key, "shown")).as(key).isEqualTo("shown");
    }
  }

  @Test
  void secrets_in_running_text_are_hidden() {
    for (String text :
        List.of(
            "Login failed: org.apache.kafka.common.security.scram.ScramLoginModule required"
                + " username=\"admin\" password=\"hunter2\";",
            "org.x.PlainLoginModule required username='a' password='hunter2'",
            "invalid value for ssl.keystore.password=hunter2, retry",
            "{\"password\": \"hunter2\", \"a\": 1}",
            "sasl.jaas.config: hunter2",
            "Authorization: Bearer hunter2",
            "cannot reach https://user:hunter2@registry:8081/subjects",
            "token=hunter2&x=1",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----")) {
      assertThat(Redactor.text(text)).as(text).doesNotContain(SECRET).contains("******");
    }
  }

  @Test
  void harmless_text_stays_as_it_is() {
    for (String text :
        List.of(
            "broker 127.0.0.1:9092 disconnected",
            "http://registry:8081/subjects is not there",
            "increment 0190 committed")) {
      assertThat(Redactor.text(text)).isEqualTo(text);
    }
  }
}
