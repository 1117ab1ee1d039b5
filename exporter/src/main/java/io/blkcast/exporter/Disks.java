package io.blkcast.exporter;

import io.blkcast.config.HostPort;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.VolumeConfig;
import io.blkcast.exporter.config.VolumeConfig.SourceKind;
import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.disk.DiskOptions;
import io.blkcast.exporter.source.disk.DiskSource;
import io.blkcast.exporter.source.disk.TrackedDisk;
import io.blkcast.file.OwnFiles;
import io.blkcast.nbd.NbdOptions;
import io.blkcast.nbd.NbdServer;
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
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The tracked disks of an exporter: opened, tracked, and served over NBD, each for itself. */
final class Disks {

  private static final Logger LOG = LoggerFactory.getLogger(Disks.class);

  private static final int COPY_UNIT = 4096;
  private static final double WATERMARK = 0.75;

  /** What a difference storage may hold unless configured: some minutes of a busy disk. */
  private static final long STORAGE_LIMIT = 4L << 30;

  /**
   * How long one image may take to be opened before the others are served without it: a map of a
   * large disk is read in less.
   */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final Vertx vertx;
  private final ExporterConfig config;
  private final Map<String, DiskOptions> configured = new LinkedHashMap<>();
  private final Map<String, CompletableFuture<Void>> openings = new HashMap<>();
  private final Set<String> served = ConcurrentHashMap.newKeySet();
  private final NbdServer server;
  private final DiskSource source = new DiskSource(this::openNow);
  private volatile boolean started;
  private @Nullable HostPort tcp;

  private Disks(Vertx vertx, ExporterConfig config) {
    this.vertx = vertx;
    this.config = config;
    this.server =
        new NbdServer(
            vertx,
            NbdOptions.DEFAULT
                .withClientsPerExport(config.nbd().clientsPerExport())
                .withinMemory(Runtime.getRuntime().maxMemory()));
    for (VolumeConfig volume : config.volumes()) {
      if (volume.source() == SourceKind.DISK) {
        configured.put(volume.name(), options(config, volume));
      }
    }
  }

  /**
   * Opens the images. Blocks, for {@link #PATIENCE} at most. One that cannot be opened keeps none
   * of the others from being served: it is tried again whenever its volume is to be tracked, which
   * then fails with the reason.
   *
   * @throws IllegalArgumentException where the configuration of a disk is wrong
   */
  static Disks open(Vertx vertx, ExporterConfig config) {
    Disks disks = new Disks(vertx, config);
    CompletableFuture<?>[] all =
        disks.configured.keySet().stream().map(disks::opening).toArray(CompletableFuture[]::new);
    try {
      CompletableFuture.allOf(all).get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("not all disks could be opened; the others are served, these are tried again");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    disks.started = true;
    return disks;
  }

  private static DiskOptions options(ExporterConfig config, VolumeConfig volume) {
    Path storage =
        volume
            .differenceStorage()
            .path()
            .orElseGet(() -> config.state().resolve(volume.name() + ".diff"));
    long limit = volume.differenceStorage().limitBytes().orElse(STORAGE_LIMIT);
    return DiskOptions.of(volume.name(), volume.path(), volume.sizeBytes().orElse(0))
        .withState(config.state().resolve(volume.name() + ".cbt"))
        .withStorage(storage, limit, volume.differenceStorage().mostBytes().orElse(limit))
        .withUnits(volume.blockBytes(), COPY_UNIT)
        .withEvents(WATERMARK, volume.triggers().changedBytes().orElse(0));
  }

  /** One try to open the disk: the one under way, or another. Each has a thread: it may hang. */
  private synchronized CompletableFuture<Void> opening(String volume) {
    CompletableFuture<Void> last = openings.get(volume);
    if (last != null && !last.isCompletedExceptionally()) {
      return last;
    }
    CompletableFuture<Void> next = new CompletableFuture<>();
    openings.put(volume, next);
    Thread thread = new Thread(() -> open(volume, next), "blkcast-open-" + volume);
    thread.setDaemon(true);
    thread.start();
    return next;
  }

  private void open(String volume, CompletableFuture<Void> opening) {
    try {
      DiskOptions options = Objects.requireNonNull(configured.get(volume));
      TrackedDisk disk = open(options);
      source.add(disk);
      server.export(volume, disk);
      served.add(volume);
      if (started) {
        LOG.info(
            "{} is opened now, and served{}", volume, uri(volume).map(u -> " at " + u).orElse(""));
      }
      opening.complete(null);
    } catch (Throwable e) {
      opening.completeExceptionally(e);
    }
  }

  private static TrackedDisk open(DiskOptions options) throws IOException {
    if (!Files.exists(options.image()) && options.capacityBytes() == 0) {
      throw new IOException(
          "volume "
              + options.volume()
              + ": there is no image "
              + options.image()
              + "; give 'size' to have one made");
    }
    for (Path file : List.of(options.image(), options.storage())) {
      Path directory = file.toAbsolutePath().getParent();
      if (directory != null) {
        OwnFiles.createDirectories(directory);
      }
    }
    return TrackedDisk.open(options);
  }

  private void openNow(String volume) throws SourceException {
    DiskOptions options = configured.get(volume);
    if (options == null) {
      return;
    }
    try {
      opening(volume).get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new SourceException(
          SourceException.Code.IO,
          "the disk is not served: " + reason(cause) + ". It is tried again",
          cause);
    } catch (TimeoutException e) {
      throw new SourceException(
          SourceException.Code.BUSY,
          "the disk is not served: opening "
              + options.image()
              + " takes more than "
              + PATIENCE.toSeconds()
              + " s; does the filesystem that it is on answer?",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new SourceException(SourceException.Code.CLOSED, "the exporter is shutting down", e);
    }
  }

  private static String reason(Throwable cause) {
    if (cause instanceof NoSuchFileException missing) {
      return "there is no " + missing.getFile();
    }
    if (cause instanceof AccessDeniedException denied) {
      return denied.getFile() + ": permission denied";
    }
    return cause.getMessage() == null ? cause.toString() : cause.getMessage();
  }

  DiskSource source() {
    return source;
  }

  /**
   * Serves the disks wherever the configuration says, under the volumes' names: those that are
   * open, and from then on those that are opened later.
   */
  Future<Void> serve() {
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
    if (!served.contains(volume)) {
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
    return vertx
        .executeBlocking(
            () -> {
              source.close();
              return true;
            })
        .mapEmpty();
  }
}
