package io.blkcast.replicator;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.client.FollowerListener;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthFileTest {

  @TempDir private Path dir;

  @Test
  void thereIsNoBeatBeforeTheBrokersHaveAnswered() {
    Path file = dir.resolve("alive");
    HealthFile heartbeat = new HealthFile(file, FollowerListener.NONE);
    heartbeat.resyncRequested("nothing there");
    assertThat(file).doesNotExist();
    heartbeat.caughtUp();
    assertThat(file).exists();
  }

  @Test
  void itBeatsOnceASecondAtMostAndTellsTheOtherListenerEveryTime() throws Exception {
    Path file = dir.resolve("alive");
    AtomicInteger told = new AtomicInteger();
    HealthFile heartbeat =
        new HealthFile(
            file,
            new FollowerListener() {
              @Override
              public void caughtUp() {
                told.incrementAndGet();
              }
            });
    heartbeat.caughtUp();
    int beats = 1;
    for (int call = 0; call < 1000; call++) {
      Files.deleteIfExists(file);
      heartbeat.caughtUp();
      beats += Files.exists(file) ? 1 : 0;
    }
    assertThat(told).hasValue(1001);
    assertThat(beats).isLessThan(500);
  }

  @Test
  void aFileThatCannotBeWrittenDoesNotEndReplication() {
    AtomicInteger told = new AtomicInteger();
    HealthFile heartbeat =
        new HealthFile(
            dir.resolve("missing").resolve("alive"),
            new FollowerListener() {
              @Override
              public void caughtUp() {
                told.incrementAndGet();
              }
            });
    heartbeat.caughtUp();
    assertThat(told).hasValue(1);
  }
}
