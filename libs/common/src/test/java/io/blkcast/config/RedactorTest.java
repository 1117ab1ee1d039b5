package io.blkcast.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RedactorTest {

  private static final String SECRET = "hunter2";

  @Test
  void values_of_secret_keys_are_hidden() {
    for (String key :
        List.of(
            "sasl.jaas.config",
            "ssl.key",
            "my.password",
            "my.secret",
            "my.token",
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
            "http.tokens",
            "token.file",
            "sasl.oauthbearer.token.endpoint.url",
            "ssl.keystore.location",
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

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cannot reach http://hunter2@registry:8081/subjects",
        "cannot reach http://user:hun/hunter2@registry:8081/subjects",
        "cannot reach http://user:hun@hunter2@registry:8081/subjects",
        "cannot reach http://user:hunter2@hun/ter@registry:8081/subjects",
        "cannot reach http://user:big hunter2@registry:8081/subjects",
        "cannot reach http://user:hunter2 b@d one@registry:8081/subjects",
        "cannot reach http://user:hun?hunter2#x@registry:8081/subjects",
        "cannot reach http://user:hunter2%40%2F@registry:8081/subjects",
        "cannot reach http://user:@hunter2@registry:8081/subjects",
        "cannot reach http://:hunter2@registry:8081/subjects",
        "cannot reach 'http://user:hunter2@registry:8081/subjects', 'http://u:hunter2@registry'",
        "http://u:hunter2@a:1,http://u:hunter2@registry:8081/subjects",
        "via proxy user:hunter2@registry:3128",
        "to=https%3A%2F%2Fuser%3Ahunter2%40registry",
      })
  void user_and_password_of_a_url_are_hidden_and_the_host_is_not(String text) {
    assertThat(Redactor.text(text)).doesNotContain(SECRET).contains("******").contains("registry");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET /x?access_token=hunter2&volume=disk",
        "GET /x?a=1&key=hunter2&volume=disk",
        "GET /x?sig=hunter2",
        "GET /x?redirect=a&client_secret=hunter2",
        "Authorization: Bearer hunter2",
        "Authorization: Basic dXNlcjpodW50ZXIy hunter2",
        "authorization=Token hunter2",
        "\"Authorization\": \"Bearer hunter2\"",
        "sent Bearer hunter2.hunter2-x_y",
        "X-Api-Key: hunter2",
        "Cookie: session=hunter2; other=hunter2",
        "basic.auth.user.info=user:hunter2",
        "ssl.key=hunter2",
        "ssl.key.password=hun,hunter2;hunter2",
        "password='it is hunter2'",
        "{password=hunter2, user=x}",
        "{\"password\":\"a\\\"hunter2\",\"a\":1}",
        "{\\\"password\\\": \\\"big hunter2\\\"}",
        "password => hunter2",
        "<password>hunter2</password>",
        "--password hunter2",
        "password%3Dhunter2",
        "password: \"never closed hunter2",
        "sasl.jaas.config=a.PlainLoginModule required username=\"a\"\n  password=\"hunter2\";",
        "a.PlainLoginModule required\n username=\"a\"\n password=\"x;hunter2\";",
        "a.PlainLoginModule required password=\"x\\\";hunter2\";",
        "\"a.PlainLoginModule required password=\\\"x;hunter2\\\";\"",
        "a.OAuthBearerLoginModule required clientId='a' clientSecret='hunter2'",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2 cut off",
      })
  void secrets_of_many_forms_are_hidden(String text) {
    assertThat(Redactor.text(text)).doesNotContain(SECRET).contains("******");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/etc/blkcast/tokens:12: 'reed' is no right",
        "/run/secrets/registry: Permission denied",
        "/etc/passwd:7: too short",
        "secret.yaml:7: http: unknown key",
        "http.tokens: /etc/blkcast/tokens is not there",
        "--token-file=/run/token is not there",
        "basic authentication is off, and so is the bearer token",
        "http://registry:8081: connection refused; tell nobody",
        "http://registry:8081/subjects/x is not there",
        "nbd+unix:///disk?socket=/run/blkcast/nbd.sock",
        "exporter.yaml:3:9: volumes: expected a list",
        "blkcast.increments-0 offset 17: CRC is 0x12, not 0x13",
        "unexpected token '}' in line 3",
      })
  void paths_and_line_numbers_stay(String text) {
    assertThat(Redactor.text(text)).isEqualTo(text);
  }

  @Test
  void what_else_a_text_says_stays_when_a_secret_is_hidden() {
    assertThat(Redactor.text("a.yaml:7: http://u:hunter2@registry:8081/x: 'path' is /etc/b.pem"))
        .isEqualTo("a.yaml:7: http://******@registry:8081/x: 'path' is /etc/b.pem");
    assertThat(Redactor.text("GET /x?access_token=hunter2 of 127.0.0.1:9, line 12"))
        .isEqualTo("GET /x?access_token=****** of 127.0.0.1:9, line 12");
  }

  @Test
  void hostile_text_takes_neither_long_nor_the_stack() {
    String many = "\"';:/@".repeat(20_000);
    for (String start :
        List.of("a.PlainLoginModule required ", "http://u:p", "password=", "Bearer ", "a:")) {
      assertTimeoutPreemptively(
          Duration.ofSeconds(20), () -> assertThat(Redactor.text(start + many)).isNotEmpty());
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
