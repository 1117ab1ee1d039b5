package io.blkcast.exporter.publish;

import io.blkcast.codec.RecordCodec;
import io.blkcast.exporter.publish.CheckpointReader.Last;
import io.blkcast.exporter.publish.CheckpointReader.Manifests;
import io.blkcast.exporter.publish.TailReader.Tail;
import io.blkcast.exporter.publish.VolumePublisher.Known;
import io.blkcast.exporter.publish.VolumePublisher.Opened;
import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.kafka.KafkaErrors;
import io.blkcast.kafka.access.Role;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right to commit increments of one volume, and its exercise.
 *
 * <p>The transactional id is the volume's, so Kafka shuts the older of two exporters out. That
 * alone does not tell an exporter that was shut out from one whose transaction timed out while the
 * broker was away: both are "fenced". Therefore whoever takes a volume over first writes its
 * checkpoint again, unchanged, with a header that names the exporter (a tombstone where there is no
 * checkpoint yet). An exporter in doubt stops where there is a record in the topic that it did not
 * write, and Kafka says that someone has {@linkplain TransactionalId committed by the transactional
 * id} since. One of them alone proves nothing: anyone may write a record with any header, and
 * topics are deleted and made anew. What is compared is offsets, never timestamps.
 *
 * <p>A producer whose transaction failed in any way is thrown away; the next {@link #takeOver}
 * makes Kafka finish what the old one left, and reads whether the commit took place.
 *
 * <p>Before each commit, what others wrote under the volume's key since the last one is looked for
 * in both topics that decide what a consumer and the next exporter go by. One call at a time.
 */
final class VolumeTransactions implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(VolumeTransactions.class);
  private static final Duration AT_ONCE = Duration.ZERO;

  private final PublishSettings settings;
  private final TailReader tail;
  private final RecordCodec codec;
  private final String volume;
  private final byte[] key;
  private final String self = UUID.randomUUID().toString();
  private final TransactionalId id;
  private final OwnRecords own = new OwnRecords();

  /** How far the topics are known to hold nothing that is not accounted for. */
  private @Nullable Place checkpoints;

  private @Nullable Place increments;
  private @Nullable KafkaProducer<byte[], byte[]> producer;

  VolumeTransactions(PublishSettings settings, TailReader tail, RecordCodec codec, String volume) {
    this.settings = settings;
    this.tail = tail;
    this.codec = codec;
    this.volume = volume;
    this.key = volume.getBytes(StandardCharsets.UTF_8);
    this.id = new TransactionalId(Role.transactionalId(settings.topics(), volume));
  }

  /**
   * Takes the volume over, or makes sure of it again after a failure.
   *
   * @throws BrokerException {@code FENCED} where another has taken it over from us meanwhile
   */
  Opened takeOver(CheckpointReader reader, Known known) throws BrokerException {
    discard();
    String what = "taking over volume " + volume;
    try {
      Place since = known.anyway() ? null : checkpoints;
      List<Foreign> others = since == null ? List.of() : reader.checkpoints(since, own, true);
      if (!others.isEmpty() && id.isUsedByAnother(reader.admin())) {
        throw fenced(others, null);
      }
      KafkaProducer<byte[], byte[]> fresh =
          new KafkaProducer<>(ClientSettings.transactional(settings, volume));
      producer = fresh;
      fresh.initTransactions();
      // From here on nothing of an earlier producer can be committed any more: what is read is
      // final.
      if (since != null && reader.checkpoints(since, own, false).size() > others.size()) {
        throw new BrokerException(
            Code.RETRIABLE, what + ": someone else writes its checkpoint at the same time");
      }
      if (!others.isEmpty()) {
        LOG.warn(
            "{}: the record at {} is not ours, but nobody else has committed by the volume's"
                + " transactional id: taken over again",
            volume,
            others.get(0).where());
      }
      Last last = reader.last(known);
      Optional<Manifests> manifests = reader.manifests(known, own);
      fresh.beginTransaction();
      Future<RecordMetadata> claim = fresh.send(checkpoint(last.value()));
      RecordMetadata claimed = claim.get();
      own.add(claimed);
      fresh.commitTransaction();
      own.forget();
      own.add(claimed);
      id.used(reader.admin());
      checkpoints = last.end();
      increments = manifests.map(Manifests::end).orElse(null);
      return new Opened(
          last.checkpoint(),
          last.digest(),
          last.problem(),
          manifests.flatMap(Manifests::foreign).map(VolumeTransactions::notOurs));
    } catch (BrokerException e) {
      discard();
      throw e;
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      discard();
      throw KafkaErrors.isFenced(e)
          ? new BrokerException(
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

  /** Remembers what is decided. */
  @FunctionalInterface
  interface BeforeDeciding {
    void run() throws IOException;
  }

  /**
   * Commits the records in one transaction, unless someone else has written in between.
   *
   * @param reader tells, after a failure, whether we were shut out
   * @param deciding run right before the point from which the outcome of a failure is unknown
   * @return how far the increments topic was read; empty where that is denied
   * @throws BrokerException after which {@link #takeOver} must settle the outcome
   */
  Optional<Place> commit(
      String what,
      List<ProducerRecord<byte[], byte[]>> records,
      CheckpointReader reader,
      BeforeDeciding deciding)
      throws BrokerException {
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
        own.add(future.get());
      }
      Place checkpointsUpTo =
          passOver(reader.admin(), settings.topics().checkpoints(), checkpoints);
      Place incrementsUpTo = passOver(reader.admin(), settings.topics().increments(), increments);
      deciding.run();
      current.commitTransaction();
      checkpoints = checkpointsUpTo;
      increments = incrementsUpTo;
      own.forget();
    } catch (BrokerException e) {
      abort(current);
      throw e;
    } catch (IOException e) {
      abort(current);
      throw new BrokerException(
          Code.RETRIABLE, what + ": " + e.getMessage() + "; nothing was committed", e);
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      discard();
      throw KafkaErrors.isFenced(e)
          ? shutOutOrTimedOut(what, reader, e)
          : KafkaErrors.translate(what, e, settings.remedyOfDenial());
    }
    try {
      id.used(reader.admin());
    } catch (ExecutionException | InterruptedException | RuntimeException e) {
      LOG.debug("{}: the state of its transactional id is not known: {}", volume, e.toString());
    }
    return Optional.ofNullable(increments);
  }

  /** Reads on from a place, which must hold nothing but what is ours. */
  private @Nullable Place passOver(Admin admin, String topic, @Nullable Place from)
      throws BrokerException, ExecutionException, InterruptedException {
    if (from == null) {
      return null;
    }
    boolean catalogue = topic.equals(settings.topics().increments());
    Tail since;
    try {
      since =
          tail.read(
              admin,
              topic,
              key,
              from,
              record -> own.contains(record) || (catalogue && ends(record)));
    } catch (BrokerException e) {
      if (catalogue && e.getCause() instanceof TopicAuthorizationException) {
        LOG.warn(
            "{}: forged increments are not noticed, because reading {} is denied{}",
            volume,
            topic,
            settings.remedyOfDenial());
        return null;
      }
      throw e;
    }
    if (since.foreign().isEmpty()) {
      return since.end();
    }
    if (!catalogue && id.isUsedByAnother(admin)) {
      throw fenced(since.foreign(), null);
    }
    throw new BrokerException(Code.FOREIGN, notOurs(since.foreign().get(0)));
  }

  private boolean ends(ConsumerRecord<byte[], byte[]> record) {
    return record.value() != null && OwnRecords.endsAnAttempt(codec, record.value());
  }

  private static String notOurs(Foreign foreign) {
    return "the record at "
        + foreign.where()
        + " has this volume's key and was not written by this exporter; find out who may write to"
        + " that topic";
  }

  private BrokerException shutOutOrTimedOut(
      String what, CheckpointReader reader, Throwable thrown) {
    try {
      Place since = checkpoints;
      List<Foreign> others = since == null ? List.of() : reader.checkpoints(since, own, true);
      if (!others.isEmpty() && id.isUsedByAnother(reader.admin())) {
        return fenced(others, thrown);
      }
    } catch (BrokerException
        | ExecutionException
        | InterruptedException
        | RuntimeException unreachable) {
      thrown.addSuppressed(unreachable);
    }
    return new BrokerException(
        Code.RETRIABLE,
        what + ": Kafka ended the transaction, because it timed out or another exporter starts",
        thrown);
  }

  private BrokerException fenced(List<Foreign> others, @Nullable Throwable cause) {
    Foreign last = others.get(others.size() - 1);
    String message =
        "another exporter"
            + last.owner().map(owner -> " (" + owner + ")").orElse("")
            + " has taken over volume "
            + volume
            + ", as the record at "
            + last.where()
            + " says: this one has stopped publishing it. Stop one of the two; to have this one go"
            + " on, run 'blkcast resume "
            + volume
            + "'";
    return cause == null
        ? new BrokerException(Code.FENCED, message)
        : new BrokerException(Code.FENCED, message, cause);
  }

  /** Ends a transaction that will not be committed, so that it hides nothing from readers. */
  private void abort(KafkaProducer<byte[], byte[]> current) {
    try {
      current.abortTransaction();
    } catch (RuntimeException e) {
      LOG.debug("{}: the transaction is left to time out: {}", volume, e.toString());
    }
    discard();
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
