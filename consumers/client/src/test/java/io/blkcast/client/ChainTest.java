package io.blkcast.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.IncrementCommitted;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChainTest {

  private final RecordCodec codec = RecordCodec.singleObject();

  private void check(IncrementCommitted manifest) throws IncrementException {
    ByteBuffer raw = ByteBuffer.wrap(codec.encode("increments", manifest));
    Chain.check(codec, "vol", manifest, raw, Optional.empty());
  }

  private static IncrementCommitted blocks(int size) {
    return Manifests.seal(
        IncrementCommitted.newBuilder(Manifests.baseline("vol")).setBlockSizeBytes(size).build());
  }

  private void assertCorrupt(IncrementCommitted manifest, String why) {
    assertThatThrownBy(() -> check(manifest))
        .isInstanceOfSatisfying(
            IncrementException.class,
            e -> assertThat(e.code()).isEqualTo(IncrementException.Code.CORRUPT))
        .hasMessageContaining(why);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE, 256, 513, 65_537})
  void trackingBlocksThatCannotBeAreRefused(int size) {
    assertCorrupt(blocks(size), "tracking blocks");
  }

  @ParameterizedTest
  @ValueSource(ints = {512, 4096, 1 << 30})
  void trackingBlocksOfAPowerOfTwoAreTaken(int size) throws Exception {
    check(blocks(size));
  }

  @Test
  void manifestOfAnotherVolumeIsRefused() {
    assertCorrupt(Manifests.baseline("other"), "vol");
  }
}
