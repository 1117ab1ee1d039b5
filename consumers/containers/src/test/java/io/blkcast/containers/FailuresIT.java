package io.blkcast.containers;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * Brokers, exporter and replicator fail while the disk is written to. After each failure the
 * replica must come to equal the disk, and the disk what was written; as long as the exporter
 * lives, no write may fail.
 */
class FailuresIT {

  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final int SOME_WRITES = 20;

  /** Of a pipeline that is gone only what it said tells why. */
  @RegisterExtension
  static final TestWatcher REPORT =
      new TestWatcher() {
        @Override
        public void testFailed(ExtensionContext context, Throwable cause) {
          System.out.println(context.getDisplayName() + " failed: " + cause);
          System.out.println(pipeline.report());
        }
      };

  private static Pipeline pipeline;
  private static Brokers brokers;
  private static Writer writer;
  private int broken;

  @BeforeAll
  static void start() throws Exception {
    pipeline = new Pipeline();
    brokers = pipeline.brokers;
    pipeline.start();
    writer = new Writer(pipeline::nbdUri, Pipeline.DISK_BYTES);
    writer.start();
  }

  @AfterAll
  static void provesTheReplicaAndStops() throws Exception {
    try {
      pipeline.awaitProof();
    } finally {
      writer.close();
      pipeline.close();
    }
  }

  @BeforeEach
  void writesGoOn() {
    broken = writer.broken();
    writer.resume();
    awaitWrites();
    pipeline.awaitCommitAfter(pipeline.committed());
  }

  @AfterEach
  void theReplicaEqualsTheSource() {
    awaitWrites();
    String expected = writer.pause();
    pipeline.awaitEqual(expected);
    pipeline.awaitReady();
    brokers.awaitInSync(Pipeline.CHUNKS, Set.copyOf(brokers.ids()));
  }

  private static void awaitWrites() {
    int before = writer.written();
    Awaitility.await("writes go on")
        .atMost(PATIENCE)
        .until(() -> writer.written() >= before + SOME_WRITES);
  }

  private void assertThatNoWriteFailed() {
    assertThat(writer.broken()).as("writes that failed").isEqualTo(broken);
  }

  /** The broker that a failure hurts most. */
  private static int leader() {
    return brokers.partition(Pipeline.CHUNKS, 1).leader();
  }

  private static Set<Integer> allBut(int id) {
    Set<Integer> others = new TreeSet<>(brokers.ids());
    others.remove(id);
    return others;
  }

  /** With two of three brokers nothing waits. */
  private void goesOnWithout(int broker) {
    brokers.awaitInSync(Pipeline.CHUNKS, allBut(broker));
    pipeline.awaitCommitAfter(pipeline.committed());
    awaitWrites();
    assertThatNoWriteFailed();
  }

  /** The failure is over also when what was expected of it did not come: other tests follow. */
  private static void during(Runnable failure, Runnable end, Runnable expectation) {
    failure.run();
    try {
      expectation.run();
    } finally {
      end.run();
    }
  }

  @Test
  void aBrokerIsStopped() {
    int id = leader();
    during(
        () -> Containers.stop(brokers.broker(id)),
        () -> Containers.start(brokers.broker(id)),
        () -> goesOnWithout(id));
  }

  @Test
  void aBrokerIsPaused() {
    int id = leader();
    during(
        () -> Containers.pause(brokers.broker(id)),
        () -> Containers.unpause(brokers.broker(id)),
        () -> goesOnWithout(id));
  }

  @Test
  void aBrokerIsCutOffTheNetwork() {
    int id = leader();
    during(() -> brokers.cutOff(id), () -> brokers.connect(id), () -> goesOnWithout(id));
  }

  @Test
  void aBrokersDiskIsFull() {
    during(
        brokers::fillDisk,
        () -> {
          brokers.emptyDisk();
          Containers.start(brokers.broker(3));
        },
        () -> {
          Awaitility.await("the broker gives up")
              .atMost(PATIENCE)
              .until(() -> !Containers.isRunning(brokers.broker(3)));
          goesOnWithout(3);
        });
  }

  @Test
  void allBrokersAreRestartedInTurn() {
    for (int id : brokers.ids()) {
      Containers.stop(brokers.broker(id));
      Containers.start(brokers.broker(id));
      brokers.awaitInSync(Pipeline.CHUNKS, Set.copyOf(brokers.ids()));
    }
    assertThatNoWriteFailed();
  }

  @Test
  void tooFewBrokersAreInSyncForAWhile() {
    during(
        () -> {
          Containers.stop(brokers.broker(2));
          Containers.stop(brokers.broker(3));
        },
        () -> {
          Containers.start(brokers.broker(2));
          Containers.start(brokers.broker(3));
        },
        () -> {
          String committed = pipeline.committed();
          awaitWrites();
          pipeline.awaitUnderWay();
          awaitWrites();
          assertThat(pipeline.committed()).as("committed by one broker").isEqualTo(committed);
        });
    pipeline.awaitCommitAfter(pipeline.committed());
    assertThatNoWriteFailed();
  }

  @Test
  void theExporterIsKilled() {
    for (int kill = 0; kill < 3; kill++) {
      String committed = pipeline.committed();
      Containers.kill(pipeline.exporter);
      Containers.start(pipeline.exporter);
      awaitWrites();
      pipeline.awaitCommitAfter(committed);
    }
  }

  @Test
  void theReplicatorIsKilled() {
    for (int kill = 0; kill < 3; kill++) {
      Containers.kill(pipeline.replicator);
      pipeline.awaitCommitAfter(pipeline.committed());
      Containers.start(pipeline.replicator);
    }
    assertThatNoWriteFailed();
  }
}
