package io.blkcast.exporter;

import io.blkcast.config.HostPort;
import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.increment.Progress;
import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.net.URI;
import java.util.List;
import java.util.Optional;

/**
 * An exporter that runs in this process: what {@code blkcast run} runs, and what may be embedded.
 *
 * <p>Futures complete on an event loop; block on them from threads of your own only.
 */
public interface Exporter {

  /**
   * Starts an exporter: tracked disks are served and the API listens when it completes, while the
   * volumes are still being opened at Kafka, for as long as that takes.
   *
   * @return fails where something cannot be listened on, or the configuration is wrong; never for
   *     what concerns one volume or Kafka
   */
  static Future<Exporter> start(ExporterConfig config) {
    return RunningExporter.start(Vertx.vertx(), config);
  }

  /**
   * Completes when every volume has once been tracked and opened at Kafka; fails when a volume or
   * the brokers' settings need a person. The exporter goes on all the same, and tries again.
   */
  Future<Void> ready();

  /** Completes when the loop of every volume has answered: a sign of life. */
  Future<Void> alive();

  /** Names of the volumes, in the order of the configuration. */
  List<String> volumes();

  /**
   * Takes an increment now, or right after the one under way. Failed attempts are repeated until
   * one is committed.
   *
   * @return what was committed; fails with {@link
   *     io.blkcast.exporter.increment.RequestRefusedException} where none is going to be
   */
  Future<Committed> increment(String volume);

  /** As {@link #increment}, but a BASELINE. */
  Future<Committed> resync(String volume);

  /** Turns triggers off; an increment under way is finished. */
  Future<Void> pause(String volume);

  /** Turns triggers on, or tries a failed volume again. */
  Future<Void> resume(String volume);

  /**
   * How far the volume's increment is.
   *
   * @throws IllegalArgumentException where there is no such volume
   */
  Progress progress(String volume);

  /** Where the API listens; the port is the real one. */
  HostPort apiAddress();

  /** Where health and metrics listen; the port is the real one. */
  HostPort managementAddress();

  /** Where an NBD client finds the volume, if it is a tracked disk that is served: TCP first. */
  Optional<URI> nbdUri(String volume);

  /**
   * Ends increments under way as aborted, lets go of all; within a minute, whatever hangs.
   *
   * @return never fails
   */
  Future<Void> close();
}
