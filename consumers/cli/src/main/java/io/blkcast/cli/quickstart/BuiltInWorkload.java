package io.blkcast.cli.quickstart;

import io.blkcast.nbd.NbdClient;
import java.io.IOException;
import java.net.URI;
import java.util.Random;

/** Writes blocks of its own over NBD, where the programs for a filesystem are missing. */
final class BuiltInWorkload implements Workload {

  private static final int BLOCK = 64 << 10;

  private final NbdClient client;
  private final Random random = new Random(20260101);
  private final byte[] block = new byte[BLOCK];
  private boolean closed;

  BuiltInWorkload(URI uri) throws IOException {
    client = new NbdClient(uri);
  }

  @Override
  public String describe() {
    return "blocks of the built-in writer";
  }

  @Override
  public void prepare() throws IOException {
    long half = client.size() / 2 / BLOCK * BLOCK;
    for (long offset = 0; offset < half; offset += 2L * BLOCK) {
      writeAt(offset);
    }
    client.flush();
  }

  @Override
  public void change(int round) throws IOException {
    long blocks = client.size() / BLOCK;
    for (int i = 0; i < Math.min(200, blocks); i++) {
      writeAt(Math.floorMod(random.nextLong(), blocks) * BLOCK);
    }
    if (client.canTrim()) {
      client.trim(Math.floorMod(random.nextLong(), blocks) * BLOCK, BLOCK);
    }
    client.flush();
  }

  private void writeAt(long offset) throws IOException {
    random.nextBytes(block);
    client.write(offset, block);
  }

  @Override
  public void close() throws IOException {
    if (!closed) {
      closed = true;
      try (client) {
        client.flush();
      }
    }
  }
}
