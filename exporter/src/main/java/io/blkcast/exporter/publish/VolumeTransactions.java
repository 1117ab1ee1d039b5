package io.blkcast.exporter.publish;

import io.blkcast.exporter.publish.CheckpointReader.Last;
import io.blkcast.exporter.publish.PublishException.Code;
import io.blkcast.schema.Checkpoint;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.InterruptException;
import org.jspecify.annotations.Nullable;

/**
 * The right to commit increments of one volume, and its exercise.
 *
 * <p>The transactional id is the volume's, so Kafka shuts the older of two exporters out. That
 * alone does not tell an exporter that was shut out from one whose transaction timed out while the
 * broker was away: both are "fenced". Therefore whoever takes a volume over first writes its
 * checkpoint again, unchanged, with a header that names the exporter (a tombstone where there is no
 * checkpoint yet). An exporter in doubt looks who is named: itself, and it may go on; another, and
 * it stops without shutting that one out.
 *
 * <p>A producer whose transaction failed in any way is thrown away; the next {@link #takeOver}
 * makes Kafka finish what the old one left, and reads whether the commit took place. One call at a
 * time.
 */
final class VolumeTransactions implements AutoCloseable {

  private static final Duration AT_ONCE = Duration.ZERO;

  private final PublishSettings settings;
  private final String volume;
  private final byte[] key;
  private final String self = UUID.randomUUID().toString();
  private boolean claimed;
  private @Nullable KafkaProducer<byte[], byte[]> producer;

  VolumeTransactions(PublishSettings settings, String volume) {
    this.settings = settings;
    this.volume = volume;
    this.key = volume.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Takes the volume over, or makes sure of it again after a failure.
   *
   * @throws PublishException {@code FENCED} where another has taken it over from us meanwhile
   */
  Optional<Checkpoint> takeOver(CheckpointReader reader) throws PublishException {
    discard();
    if (claimed && reader.readStable().isOwnedByAnother(self)) {
      throw fenced(null);
    }
    String what = "taking over volume " + volume;
    try {
      KafkaProducer<byte[], byte[]> fresh =
          new KafkaProducer<>(ClientSettings.transactional(settings, volume));
      producer = fresh;
      fresh.initTransactions();
      // From here on nothing of an earlier producer can be committed any more: what is read is
      // final.
      Last last = reader.readAll();
      if (claimed && last.isOwnedByAnother(self)) {
        throw fenced(null);
      }
      fresh.beginTransaction();
      Future<RecordMetadata> claim = fresh.send(checkpoint(last.value()));
      claim.get();
      fresh.commitTransaction();
      claimed = true;
      return last.checkpoint();
    } catch (PublishException e) {
      discard();
      throw e;
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      discard();
      throw KafkaErrors.isFenced(e)
          ? new PublishException(
              Code.RETRIABLE, what + ": another exporter is taking it over at the same time", e)
          : KafkaErrors.translate(what, e, settings.remedyOfDenial());
    }
  }

  /** The checkpoint's record, which names this exporter. */
  ProducerRecord<byte[], byte[]> checkpoint(byte @Nullable [] value) {
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(settings.topics().checkpoints(), key, value);
    record.headers().add(CheckpointReader.OWNER_HEADER, self.getBytes(StandardCharsets.US_ASCII));
    return record;
  }

  /** Whether {@link #commit} may be called: the volume is taken over and nothing failed since. */
  boolean isReady() {
    return producer != null;
  }

  /**
   * Commits the records in one transaction.
   *
   * @param reader tells, after a failure, whether we were shut out
   * @param deciding run right before the point from which the outcome of a failure is unknown
   * @throws PublishException after which {@link #takeOver} must settle the outcome
   */
  void commit(
      String what,
      List<ProducerRecord<byte[], byte[]>> records,
      CheckpointReader reader,
      Runnable deciding)
      throws PublishException {
    KafkaProducer<byte[], byte[]> current = producer;
    if (current == null) {
      throw new IllegalStateException("volume " + volume + " must be opened before a commit");
    }
    try {
      current.beginTransaction();
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (ProducerRecord<byte[], byte[]> record : records) {
        sent.add(current.send(record));
      }
      for (Future<RecordMetadata> future : sent) {
        future.get();
      }
      deciding.run();
      current.commitTransaction();
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      discard();
      throw KafkaErrors.isFenced(e)
          ? shutOutOrTimedOut(what, reader, e)
          : KafkaErrors.translate(what, e, settings.remedyOfDenial());
    }
  }

  private PublishException shutOutOrTimedOut(
      String what, CheckpointReader reader, Throwable thrown) {
    try {
      if (reader.readStable().isOwnedByAnother(self)) {
        return fenced(thrown);
      }
    } catch (PublishException unreachable) {
      thrown.addSuppressed(unreachable);
    }
    return new PublishException(
        Code.RETRIABLE,
        what + ": Kafka ended the transaction, because it timed out or another exporter starts",
        thrown);
  }

  private PublishException fenced(@Nullable Throwable cause) {
    String message =
        "another exporter has taken over volume "
            + volume
            + ": this one must stop; run only one exporter per volume";
    return cause == null
        ? new PublishException(Code.FENCED, message)
        : new PublishException(Code.FENCED, message, cause);
  }

  private void discard() {
    KafkaProducer<byte[], byte[]> old = producer;
    producer = null;
    if (old != null) {
      try {
        old.close(AT_ONCE);
      } catch (InterruptException e) {
        // Its thread was told to end and will; only the wait for that was cut short.
      }
    }
  }

  @Override
  public void close() {
    discard();
  }
}
