package io.blkcast.exporter;

import io.blkcast.config.OwnFiles;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.HostPort;
import io.blkcast.exporter.config.VolumeConfig;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import io.blkcast.exporter.nbd.NbdOptions;
import io.blkcast.exporter.nbd.NbdServer;
import io.blkcast.exporter.source.disk.DiskOptions;
import io.blkcast.exporter.source.disk.DiskSource;
import io.blkcast.exporter.source.disk.TrackedDisk;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The tracked disks of an exporter: opened, tracked, and served over NBD. */
final class Disks {

  private static final int COPY_UNIT = 4096;
  private static final double WATERMARK = 0.75;

  /** What a difference storage may hold unless configured: some minutes of a busy disk. */
  private static final long STORAGE_LIMIT = 4L << 30;

  private final Vertx vertx;
  private final ExporterConfig config;
  private final List<TrackedDisk> disks = new ArrayList<>();
  private final NbdServer server;
  private @Nullable DiskSource source;
  private @Nullable HostPort tcp;

  private Disks(Vertx vertx, ExporterConfig config) {
    this.vertx = vertx;
    this.config = config;
    this.server = new NbdServer(vertx, NbdOptions.DEFAULT);
  }

  /** Opens all images. Blocks. Nothing stays open when it fails. */
  static Disks open(Vertx vertx, ExporterConfig config) throws IOException {
    Disks disks = new Disks(vertx, config);
    try {
      for (VolumeConfig volume : config.volumes()) {
        if (volume.source() == SourceKind.DISK) {
          disks.disks.add(open(config, volume));
        }
      }
      disks.source = new DiskSource(disks.disks);
      return disks;
    } catch (IOException | RuntimeException e) {
      for (TrackedDisk disk : disks.disks) {
        disk.close();
      }
      throw e;
    }
  }

  private static TrackedDisk open(ExporterConfig config, VolumeConfig volume) throws IOException {
    Path storage =
        volume
            .differenceStorage()
            .path()
            .orElseGet(() -> config.state().resolve(volume.name() + ".diff"));
    if (!Files.exists(volume.path()) && volume.sizeBytes().isEmpty()) {
      throw new IOException(
          "volume "
              + volume.name()
              + ": there is no image "
              + volume.path()
              + "; give 'size' to have one made");
    }
    for (Path file : List.of(volume.path(), storage)) {
      Path directory = file.toAbsolutePath().getParent();
      if (directory != null) {
        OwnFiles.createDirectories(directory);
      }
    }
    long limit = volume.differenceStorage().limitBytes().orElse(STORAGE_LIMIT);
    return TrackedDisk.open(
        DiskOptions.of(volume.name(), volume.path(), volume.sizeBytes().orElse(0))
            .withState(config.state().resolve(volume.name() + ".cbt"))
            .withStorage(storage, limit, volume.differenceStorage().mostBytes().orElse(limit))
            .withUnits(volume.blockBytes(), COPY_UNIT)
            .withEvents(WATERMARK, volume.triggers().changedBytes().orElse(0)));
  }

  DiskSource source() {
    if (source == null) {
      throw new IllegalStateException("not open");
    }
    return source;
  }

  /** Serves all disks wherever the configuration says, under the volumes' names. */
  Future<Void> serve() {
    disks.forEach(disk -> server.export(disk.volume(), disk));
    Future<Void> listening = Future.succeededFuture();
    Optional<HostPort> address = config.nbd().listen();
    if (address.isPresent()) {
      HostPort wanted = address.get();
      listening =
          server
              .listen(SocketAddress.inetSocketAddress(wanted.port(), wanted.host()))
              .map(
                  bound -> {
                    tcp = new HostPort(wanted.host(), bound.port());
                    return null;
                  });
    }
    Optional<Path> socket = config.nbd().socket();
    return socket.isEmpty()
        ? listening
        : listening
            .compose(ignored -> vertx.executeBlocking(() -> removeDeadSocket(socket.get())))
            .compose(this::listenForOwner)
            .mapEmpty();
  }

  /** Who can open the socket can write the disks. */
  private Future<SocketAddress> listenForOwner(Path socket) {
    Umask closed = Umask.ownerAlone();
    return server
        .listen(SocketAddress.domainSocketAddress(socket.toString()))
        .onComplete(ignored -> closed.close());
  }

  /** A process that was killed leaves its socket's file behind, on which nobody can listen. */
  private static Path removeDeadSocket(Path path) throws IOException {
    if (Files.exists(path)) {
      if (!Files.readAttributes(path, BasicFileAttributes.class).isOther()) {
        throw new BindException(path + " is not a socket; give nbd.socket another path");
      }
      try (SocketChannel other = SocketChannel.open(StandardProtocolFamily.UNIX)) {
        other.connect(UnixDomainSocketAddress.of(path));
        throw new BindException(
            path + " is served by another process; stop that one, or give nbd.socket another path");
      } catch (ConnectException nobodyThere) {
        Files.delete(path);
      }
    }
    return path;
  }

  /** Where the disk is served: over TCP if at all, else the Unix socket. */
  Optional<URI> uri(String volume) {
    if (disks.stream().noneMatch(disk -> disk.volume().equals(volume))) {
      return Optional.empty();
    }
    HostPort bound = tcp;
    if (bound != null) {
      return Optional.of(URI.create("nbd://" + bound + "/" + volume));
    }
    return config
        .nbd()
        .socket()
        .map(path -> URI.create("nbd+unix:///" + volume + "?socket=" + path.toAbsolutePath()));
  }

  /** Ends serving. */
  Future<Void> stopServing() {
    return server.close();
  }

  /** Lets go of the images. */
  Future<Void> close() {
    DiskSource open = source;
    return open == null
        ? Future.succeededFuture()
        : vertx
            .executeBlocking(
                () -> {
                  open.close();
                  return true;
                })
            .mapEmpty();
  }
}
