package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.codec.TopicNames;
import io.blkcast.replicator.ReplicaState;
import io.blkcast.testkit.EmbeddedBroker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What replicate and verify say, and how they end, where a replica or its topics are not as they
 * were left.
 */
class ReplicaIT {

  private static final TopicNames TOPICS = TopicNames.defaults();

  private EmbeddedBroker broker;
  private Scene scene;
  private String kafka;

  @BeforeEach
  void replicateOneIncrement(@TempDir Path dir) throws Exception {
    broker = EmbeddedBroker.started();
    kafka = "kafka: { bootstrap.servers: \"%s\" }\n".formatted(broker.bootstrapServers());
    scene = new Scene(dir.resolve("scene"), kafka + "topics: { replicationFactor: 1 }\n");
    scene.startReady();
    scene.write();
    scene.increment();
    assertEnds(0, scene.replicateOnce(kafka), "BASELINE");
    assertEnds(0, scene.verify(kafka), "identical");
  }

  @AfterEach
  void stop() throws Exception {
    scene.close();
    broker.close();
  }

  private static void assertEnds(int status, Scene.Ended ended, String... output) {
    assertThat(ended.status()).as(ended.output()).isEqualTo(status);
    for (String part : output) {
      assertThat(ended.output()).contains(part);
    }
  }

  private void remake(String topic, boolean again) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin.deleteTopics(List.of(topic)).all().get();
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> !admin.listTopics().names().get().contains(topic));
      if (again) {
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
      }
    }
  }

  @Test
  void replicaThatIsBehindIsNotCalledIdentical() throws Exception {
    scene.write();
    scene.increment();
    assertEnds(4, scene.verify(kafka), "older than what is committed", "1 newer is committed");
    assertEnds(0, scene.replicateOnce(kafka));
    scene.assertIdentical(kafka);
  }

  @Test
  void topicsThatWereMadeAnewOrAreGoneProveNothing() throws Exception {
    scene.stop();
    remake(TOPICS.chunks(), true);
    assertEnds(3, scene.verify(kafka), "cannot be proved");
    remake(TOPICS.chunks(), false);
    assertEnds(3, scene.verify(kafka), "topic blkcast.chunks does not exist");
    remake(TOPICS.increments(), true);
    assertEnds(3, scene.verify(kafka), "not retained any more");
    remake(TOPICS.increments(), false);
    assertEnds(3, scene.verify(kafka), "topic blkcast.increments does not exist");
    assertEnds(3, scene.replicateOnce(kafka), "topic blkcast.increments does not exist");
  }

  @Test
  void unfinishedReplicaThatNobodyAppliesIsNamedAndWhatToRun() throws Exception {
    Path state = ReplicaState.defaultFile(scene.replica);
    Files.writeString(
        state, Files.readString(state).replaceFirst("\"applied\" : ", "\"applying\" : "));
    assertEnds(
        3,
        scene.verify(kafka),
        "no replicator applies it at the moment",
        "blkcast replicate --volume " + Scene.VOLUME + " --target " + scene.replica);
    assertEnds(0, scene.replicateOnce(kafka));
    scene.assertIdentical(kafka);
  }

  @Test
  void volumeThatNobodyPublishesAndPrefixThatIsNotThereLeaveNoTarget() throws Exception {
    Path none = scene.dir.resolve("none.img");
    assertEnds(
        4,
        scene.replicateOnce(kafka, "typo", none),
        "nothing is published of volume typo",
        "volumes there: " + Scene.VOLUME);
    assertEnds(
        4,
        scene.replicateOnce(kafka + "topics: { prefix: nope. }\n", Scene.VOLUME, none),
        "topic nope.increments does not exist");
    assertThat(none).doesNotExist();
  }

  @Test
  void targetThatIsReplacedUnderARunningReplicatorEndsItAndItsHealth() throws Exception {
    Path health = scene.dir.resolve("health");
    CompletableFuture<Scene.Ended> running =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return scene.replicate(kafka, "--health-file", health.toString());
              } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
              }
            });
    Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> Files.exists(health));
    Path other = Files.write(scene.dir.resolve("other.img"), new byte[4 << 20]);
    Files.move(other, scene.replica, StandardCopyOption.REPLACE_EXISTING);
    assertEnds(1, running.get(30, TimeUnit.SECONDS), "removed, or replaced by another file");
    Files.delete(health);
    assertThat(scene.replica).hasBinaryContent(new byte[4 << 20]);
    assertEnds(1, scene.replicateOnce(kafka), "is another file than the replica");
    assertThat(health).doesNotExist();
  }
}
