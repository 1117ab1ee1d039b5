package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.source.ChangeMap;
import io.blkcast.exporter.source.ChangeMap.Changes;
import io.blkcast.exporter.source.ChangeSource.Features;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.SourceRig;
import io.blkcast.exporter.source.TrackingInfo.Position;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The same with a module of which nothing is asked but what the series' first generation can do: no
 * release, no epochs, no figures.
 */
class BlksnapPlainContract extends BlksnapSourceContract {

  @Override
  protected SourceRig rig(long storageLimit) throws Exception {
    return new LoopRig(storageLimit, true);
  }

  @Test
  void whatIsMissingIsToldInTheStatus() {
    assertThat(rig().source().description())
        .contains("plain interface: no release, no epochs", "ioctls of the first generation");
    assertThat(rig().source().features()).isEqualTo(new Features(false, false, false));
  }

  /** Here one that was taken before the numbers ran out is lost, and said to be. */
  @Override
  @Test
  protected void aBaseServesForAtLeast127TakesThoughNumbersRunOut() throws Exception {
    String volume = rig().volumes().get(0);
    Position base = null;
    int lost = 0;
    for (int take = 0; take < 300; take++) {
      rig().write(volume, 0, new byte[512]);
      try (Snapshot snapshot = rig().source().take(List.of(volume))) {
        ChangeMap map = snapshot.images().get(0).changeMap();
        Position now = map.info().position();
        assertThat(now.epoch()).isEmpty();
        if (base != null && map.since(base) instanceof Changes changes) {
          assertThat(changes.bytes()).isEqualTo(map.info().blockSize());
          assertThat(now.generation()).isEqualTo(base.generation());
        } else if (base != null) {
          assertThat(now.generation()).isNotEqualTo(base.generation());
          lost++;
        }
        base = now;
      }
    }
    assertThat(lost).isEqualTo(1);
  }

  /** Here it costs what it did, and can be read still. */
  @Override
  @Test
  protected void whatIsReleasedCostsNoStorageAnyMore() throws Exception {
    String volume = rig().volumes().get(0);
    byte[] data = new byte[1 << 20];
    new Random(4).nextBytes(data);
    rig().write(volume, 0, data);
    try (Snapshot snapshot = rig().source().take(List.of(volume))) {
      Snapshot.Image image = snapshot.images().get(0);
      image.release(0, data.length);
      rig().write(volume, 0, new byte[data.length]);
      ByteBuffer read = ByteBuffer.allocateDirect(data.length);
      image.read(0, read);
      assertThat(read.flip()).isEqualTo(ByteBuffer.wrap(data));
      image.check();
    }
  }
}
