package io.blkcast.exporter;

import io.blkcast.exporter.config.ExporterConfig;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An exporter as a process: from its start to the signal that ends it. */
public final class ExporterProcess {

  private static final Logger LOG = LoggerFactory.getLogger(ExporterProcess.class);

  /**
   * As much as the steps of a close may take together. What still hangs then is left to its fate:
   * the next start copes with it.
   */
  private static final int CLOSE_LIMIT_S = 60;

  private ExporterProcess() {}

  /**
   * Starts an exporter, which the end of the process closes, reports to the service manager, and
   * blocks.
   *
   * @throws Exception the cause why it cannot start
   */
  public static void run(ExporterConfig read) throws Exception {
    ServiceManager manager = ServiceManager.of(System.getenv());
    manager.status("starting");
    Exporter exporter = start(read);
    CountDownLatch stopped = new CountDownLatch(1);
    Thread hook =
        new Thread(
            () -> {
              manager.stopping();
              close(exporter, stopped);
            },
            "blkcast-shutdown");
    Runtime.getRuntime().addShutdownHook(hook);
    LOG.info(
        "exporter started; API http://{}, management http://{}",
        exporter.apiAddress(),
        exporter.managementAddress());
    exporter
        .volumes()
        .forEach(
            volume ->
                exporter
                    .nbdUri(volume)
                    .ifPresent(uri -> LOG.info("{} is served at {}", volume, uri)));
    ScheduledExecutorService told = signsOfLife(exporter, manager);
    // Disks are served from here on, and every volume is worked on. Whether Kafka answers is no
    // matter of the start: a unit that waited for it would be restarted, and its disks with it.
    told.execute(() -> manager.ready("disks are served; waiting for volumes and brokers"));
    exporter
        .ready()
        .onSuccess(
            ignored -> {
              LOG.info("all volumes are ready");
              told.execute(
                  () -> manager.status(exporter.volumes().size() + " volumes are tracked"));
            })
        .onFailure(
            cause -> {
              LOG.warn("not all volumes can be published yet, tried again: {}", cause.getMessage());
              told.execute(
                  () -> manager.status("disks are served; not all volumes can be published"));
            });
    new CountDownLatch(1).await();
  }

  /** A thread that tells the service manager what is to be told, and that all loops are alive. */
  private static ScheduledExecutorService signsOfLife(Exporter exporter, ServiceManager manager) {
    ScheduledExecutorService executor =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "blkcast-service-manager");
              thread.setDaemon(true);
              return thread;
            });
    manager
        .watchdog()
        .ifPresent(
            within -> {
              long half = Math.max(1, within.toMillis() / 2);
              executor.scheduleAtFixedRate(
                  () -> signOfLife(exporter, manager, half), 0, half, TimeUnit.MILLISECONDS);
            });
    return executor;
  }

  private static void signOfLife(Exporter exporter, ServiceManager manager, long millis) {
    try {
      exporter.alive().toCompletionStage().toCompletableFuture().get(millis, TimeUnit.MILLISECONDS);
      manager.alive();
    } catch (ExecutionException | TimeoutException e) {
      LOG.error("a volume's loop does not answer; the service manager gets no sign of life");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static Exporter start(ExporterConfig read) throws Exception {
    try {
      return Exporter.start(read).toCompletionStage().toCompletableFuture().get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    }
  }

  private static synchronized void close(Exporter exporter, CountDownLatch stopped) {
    if (stopped.getCount() == 0) {
      return;
    }
    LOG.info("stopping");
    try {
      exporter
          .close()
          .toCompletionStage()
          .toCompletableFuture()
          .get(CLOSE_LIMIT_S, TimeUnit.SECONDS);
      LOG.info("stopped");
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("not stopped cleanly: {}", e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      stopped.countDown();
    }
  }
}
