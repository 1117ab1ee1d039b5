package io.blkcast.client;

import io.blkcast.schema.IncrementCommitted;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** A replica in memory that survives its follower, and dies when told to. */
final class MemorySink implements IncrementSink {

  final byte[] bytes;
  final List<UUID> begun = new ArrayList<>();
  final List<UUID> committed = new ArrayList<>();
  int diesAfterWrites = Integer.MAX_VALUE;
  private State state = State.EMPTY;

  MemorySink(int capacity) {
    bytes = new byte[capacity];
    // Not zero, so that a zero chunk that is not applied shows.
    Arrays.fill(bytes, (byte) 0x5a);
  }

  @Override
  public State state() {
    return state;
  }

  @Override
  public void check(IncrementCommitted manifest) {}

  @Override
  public void begin(IncrementCommitted manifest) {
    begun.add(manifest.getIncrementId());
    state = new State(state.applied(), Optional.of(Position.of(manifest)));
  }

  @Override
  public void data(long offset, ByteBuffer content) throws IncrementException {
    die();
    content.get(bytes, (int) offset, content.remaining());
  }

  @Override
  public void zero(long offset, long length) throws IncrementException {
    die();
    Arrays.fill(bytes, (int) offset, (int) (offset + length), (byte) 0);
  }

  private void die() throws IncrementException {
    if (diesAfterWrites-- == 0) {
      throw new IncrementException(IncrementException.Code.SINK, "died, as asked");
    }
  }

  @Override
  public void commit(IncrementCommitted manifest) {
    committed.add(manifest.getIncrementId());
    state = new State(Optional.of(Position.of(manifest)), Optional.empty());
  }
}
