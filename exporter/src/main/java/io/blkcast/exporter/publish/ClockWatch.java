package io.blkcast.exporter.publish;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.QuorumInfo;

/**
 * Compares the clock of this host with that of the brokers' leading controller, and with itself:
 * schedules, retention and Kafka's own limit of timestamps go by it. For one thread at a time.
 */
final class ClockWatch {

  private static final Duration EVERY = Duration.ofMinutes(1);

  /** Less harms nothing, and is common. */
  private static final Duration TOLERATED = Duration.ofMinutes(2);

  private Optional<String> last = Optional.empty();
  private OptionalLong lookedAt = OptionalLong.empty();
  private Duration offset = offset();

  /** What is wrong with the clock, in words. */
  Optional<String> look(Admin admin) throws InterruptedException {
    Duration jumped = offset().minus(offset);
    boolean jump = jumped.abs().compareTo(TOLERATED) > 0;
    if (jump || lookedAt.isEmpty() || System.nanoTime() - lookedAt.getAsLong() > EVERY.toNanos()) {
      lookedAt = OptionalLong.of(System.nanoTime());
      last = compare(admin);
      if (jump) {
        offset = offset();
        if (last.isEmpty()) {
          return Optional.of(
              "the clock of this host was just set "
                  + (jumped.isNegative() ? "back" : "forward")
                  + " by "
                  + words(jumped));
        }
      }
    }
    return last;
  }

  /** The wall clock's distance to one that nobody sets. */
  private static Duration offset() {
    return Duration.ofMillis(System.currentTimeMillis()).minus(Duration.ofNanos(System.nanoTime()));
  }

  private static Optional<String> compare(Admin admin) throws InterruptedException {
    try {
      QuorumInfo quorum = admin.describeMetadataQuorum().quorumInfo().get();
      Instant here = Instant.now();
      return quorum.voters().stream()
          .filter(voter -> voter.replicaId() == quorum.leaderId())
          .flatMapToLong(voter -> voter.lastCaughtUpTimestamp().stream())
          .filter(millis -> millis > 0)
          .mapToObj(Instant::ofEpochMilli)
          .findFirst()
          .flatMap(there -> compare(here, there));
    } catch (ExecutionException | RuntimeException e) {
      // Older brokers do not tell, and the right to ask is not among those an exporter needs.
      return Optional.empty();
    }
  }

  /** The two clocks, as they stood at the same time. */
  static Optional<String> compare(Instant here, Instant there) {
    Duration ahead = Duration.between(there, here);
    if (ahead.abs().compareTo(TOLERATED) <= 0) {
      return Optional.empty();
    }
    return Optional.of(
        "the clock of this host is "
            + words(ahead)
            + (ahead.isNegative() ? " behind" : " ahead of")
            + " the brokers': it says "
            + here
            + ", theirs "
            + there
            + ". Brokers refuse records from the future, and retention and schedules go by the"
            + " time. Set the clock that is wrong (timedatectl; is NTP running?)");
  }

  private static String words(Duration duration) {
    Duration positive = duration.abs();
    return positive.toHours() >= 2
        ? positive.toHours() + " h"
        : positive.toMinutes() >= 2 ? positive.toMinutes() + " min" : positive.toSeconds() + " s";
  }
}
