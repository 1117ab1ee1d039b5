package io.blkcast.exporter.bench;

import io.blkcast.exporter.source.disk.DiskOptions;
import io.blkcast.exporter.source.disk.DiskSource;
import io.blkcast.exporter.source.disk.TrackedDisk;
import io.blkcast.nbd.NbdOptions;
import io.blkcast.nbd.NbdServer;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import java.nio.file.Path;
import java.util.List;

/**
 * Serves one disk on a Unix socket until it is killed: {@code ServeDisk IMAGE BYTES SOCKET
 * tracked|untracked}. For benchmarks and for tests that kill a process.
 */
public final class ServeDisk {

  private ServeDisk() {}

  public static void main(String[] args) throws Exception {
    TrackedDisk disk =
        TrackedDisk.open(DiskOptions.of("disk", Path.of(args[0]), Long.parseLong(args[1])));
    DiskSource source = new DiskSource(List.of(disk));
    if (args[3].equals("tracked")) {
      source.track("disk");
    }
    NbdServer server = new NbdServer(Vertx.vertx(), NbdOptions.DEFAULT);
    server.export("", disk);
    server.listen(SocketAddress.domainSocketAddress(args[2])).await();
    System.out.println("ready");
    Thread.currentThread().join();
  }
}
