package io.blkcast.exporter.publish;

import static io.blkcast.exporter.publish.PublishFixture.header;
import static io.blkcast.exporter.publish.PublishFixture.send;
import static io.blkcast.exporter.publish.PublishFixture.volume;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.blkcast.exporter.publish.VolumePublisher.Attempt;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.testkit.EmbeddedBroker;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.security.scram.ScramLoginModule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 2, unit = TimeUnit.MINUTES)
class AuthenticationIT {

  private static final String MECHANISM = "SCRAM-SHA-256";
  private static final String LOGIN = ScramLoginModule.class.getName() + " required";

  @Test
  void aUserWhomTheBrokersKnowLaterCanPublishWithoutARestart() throws Exception {
    try (EmbeddedBroker broker =
        EmbeddedBroker.builder()
            .listener("SCRAM", "SASL_PLAINTEXT")
            .setting("listener.name.scram.sasl.enabled.mechanisms", MECHANISM)
            .setting("listener.name.scram.scram-sha-256.sasl.jaas.config", LOGIN + ";")
            .build()) {
      broker.start();
      PublishFixture kafka = new PublishFixture(broker.bootstrapServers("SCRAM"));
      Map<String, Object> login =
          Map.of(
              "security.protocol",
              "SASL_PLAINTEXT",
              "sasl.mechanism",
              MECHANISM,
              "sasl.jaas.config",
              LOGIN + " username=\"exporter\" password=\"secret\";");
      kafka.others.putAll(login);
      kafka.producer.putAll(login);
      kafka.producer.put("request.timeout.ms", "3000");
      kafka.producer.put("delivery.timeout.ms", "6000");
      try (Publishers exporter = kafka.exporter(volume("a"));
          VolumePublisher publisher = exporter.volume("a")) {
        assertThatThrownBy(() -> PublishFixture.open(publisher))
            .isInstanceOfSatisfying(
                BrokerException.class, e -> assertThat(e.code()).isEqualTo(Code.DENIED));
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
          ScramCredentialInfo info = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096);
          admin
              .alterUserScramCredentials(
                  List.of(new UserScramCredentialUpsertion("exporter", info, "secret")))
              .all()
              .get();
        }
        // The brokers take a moment to learn of the user.
        await()
            .atMost(1, TimeUnit.MINUTES)
            .pollInterval(1, TimeUnit.SECONDS)
            .ignoreExceptionsInstanceOf(BrokerException.class)
            .until(() -> publishes(publisher));
      }
    }
  }

  private static boolean publishes(VolumePublisher publisher) throws BrokerException {
    PublishFixture.open(publisher);
    Attempt attempt = publisher.begin(header(Optional.empty(), 4));
    send(attempt, 4, 1);
    return attempt.commit(link -> {}).manifest().getExtentCount() == 4;
  }
}
