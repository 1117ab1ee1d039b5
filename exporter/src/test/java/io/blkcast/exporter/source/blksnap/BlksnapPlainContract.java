package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.source.SourceRig;
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
  void whatIsMissingIsToldInTheStatus() throws Exception {
    try (SourceRig rig = rig(1 << 20)) {
      rig.source().track("first");
      assertThat(rig.source().description())
          .contains("plain interface: no release, no epochs", "ioctls of the first generation");
      assertThat(rig.source().features().release()).isFalse();
    }
  }
}
