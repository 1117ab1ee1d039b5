package io.blkcast.exporter;

import io.blkcast.exporter.config.ExporterConfig;
import io.blkcast.exporter.config.VolumeConfig;
import io.blkcast.file.OwnFiles;
import io.blkcast.file.StateDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Holds that no other user has a say in what an exporter reads, runs or writes over. */
final class Places {

  private static final Logger LOG = LoggerFactory.getLogger(Places.class);

  private Places() {}

  /**
   * Takes the state directory, and looks at the other places that the configuration names. Blocks;
   * first of all at the start, because the state directory holds commands that are run.
   *
   * @throws io.blkcast.file.UnsafePathException where another user could interfere
   * @throws IOException while another exporter has the state directory
   */
  static StateDirectory claim(ExporterConfig config) throws IOException {
    for (VolumeConfig volume : config.volumes()) {
      Optional<Path> storage = volume.differenceStorage().path();
      if (storage.isPresent()) {
        OwnFiles.requirePlace(storage.get());
        if (Files.isRegularFile(storage.get())) {
          OwnFiles.require(storage.get());
        }
      }
    }
    Optional<Path> socket = config.nbd().socket();
    if (socket.isPresent()) {
      OwnFiles.requirePlace(socket.get());
    }
    StateDirectory state = StateDirectory.claim(config.state());
    if (state.tightened()) {
      LOG.info("others could read the state directory {}; its mode is 0700 now", config.state());
    }
    return state;
  }
}
