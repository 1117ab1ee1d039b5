package io.blkcast.exporter.increment;

import io.vertx.core.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Remembers over a restart what was asked of a volume. Saves one after the other, so that the last
 * one stays; one that fails keeps none of the later from being tried. Belongs to the loop; the
 * store blocks, so it is written in the pool.
 */
final class IntentKeeper {

  private static final Logger LOG = LoggerFactory.getLogger(IntentKeeper.class);

  private final Loop loop;
  private final String volume;
  private final Intent.Store store;
  private Future<Void> saved = Future.succeededFuture();

  IntentKeeper(Loop loop, String volume, Intent.Store store) {
    this.loop = loop;
    this.volume = volume;
    this.store = store;
  }

  /** As it was saved last. */
  Intent current() {
    return store.current();
  }

  /** Saves the intent after those before it, unless it is the one that is kept by then. */
  Future<Void> save(Intent intent) {
    saved =
        settled()
            .compose(
                ignored ->
                    intent.equals(store.current())
                        ? Future.succeededFuture()
                        : loop.perform(Pool.SOURCE, () -> store.save(intent)))
            .onFailure(e -> LOG.error("{}: cannot remember {}: {}", volume, intent, e + ""));
    return saved;
  }

  /** Completes when what was to be saved so far has been, or could not be. */
  Future<Void> settled() {
    return saved.otherwiseEmpty();
  }
}
