package io.blkcast.exporter.publish;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.jspecify.annotations.Nullable;

/**
 * Who uses a volume's transactional id, as Kafka itself knows it. The epoch rises when a producer
 * begins to use the id, and only who may use it can make it rise; so it tells what no record can,
 * because anyone who may write to a topic can write any record.
 */
final class TransactionalId {

  /** What a commit that takes longer looks like is noted while it is under way. */
  private static final long COMPLETE_WITHIN_MS = 3_000;

  private static final long FIRST_PAUSE_MS = 2;
  private static final long LAST_PAUSE_MS = 50;

  private final String id;
  private @Nullable Use ours;

  /** Use of the id at one time. */
  private record Use(long producerId, int epoch, TransactionState state) {

    boolean isBy(@Nullable Use other) {
      return other != null && producerId == other.producerId && epoch == other.epoch;
    }
  }

  TransactionalId(String id) {
    this.id = id;
  }

  /** We have just committed by it. */
  void used(Admin admin) throws ExecutionException, InterruptedException {
    ours = null;
    try {
      Optional<Use> now = look(admin);
      // The commit is decided when it returns; the epoch may rise once more when it is complete.
      long pause = FIRST_PAUSE_MS;
      long begun = System.nanoTime();
      while (now.filter(TransactionalId::isUnderWay).isPresent()
          && System.nanoTime() - begun < TimeUnit.MILLISECONDS.toNanos(COMPLETE_WITHIN_MS)) {
        Thread.sleep(pause);
        pause = Math.min(2 * pause, LAST_PAUSE_MS);
        now = look(admin);
      }
      ours = now.orElse(null);
    } catch (ExecutionException e) {
      if (!cannotTell(e)) {
        throw e;
      }
    }
  }

  /**
   * Whether another has committed by it since {@link #used}. An id that was used without a commit,
   * or whose transaction timed out, or that the brokers have forgotten, proves no other. Where the
   * brokers do not tell, another is assumed.
   */
  boolean isUsedByAnother(Admin admin) throws ExecutionException, InterruptedException {
    try {
      Optional<Use> now = look(admin);
      return now.isPresent()
          && !now.get().isBy(ours)
          && (isUnderWay(now.get())
              || now.get().state() == TransactionState.ONGOING
              || now.get().state() == TransactionState.COMPLETE_COMMIT);
    } catch (ExecutionException e) {
      if (cannotTell(e)) {
        return true;
      }
      throw e;
    }
  }

  private static boolean isUnderWay(Use use) {
    return use.state() == TransactionState.PREPARE_COMMIT;
  }

  private static boolean cannotTell(ExecutionException e) {
    return e.getCause() instanceof AuthorizationException
        || e.getCause() instanceof UnsupportedVersionException;
  }

  private Optional<Use> look(Admin admin) throws ExecutionException, InterruptedException {
    try {
      TransactionDescription now = admin.describeTransactions(List.of(id)).description(id).get();
      return Optional.of(new Use(now.producerId(), now.producerEpoch(), now.state()));
    } catch (ExecutionException e) {
      if (e.getCause() instanceof TransactionalIdNotFoundException) {
        return Optional.empty();
      }
      throw e;
    }
  }
}
