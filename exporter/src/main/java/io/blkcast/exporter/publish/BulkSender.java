package io.blkcast.exporter.publish;

import io.blkcast.kafka.BrokerException;
import io.blkcast.kafka.BrokerException.Code;
import io.blkcast.kafka.KafkaErrors;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.jspecify.annotations.Nullable;

/**
 * Sends the bulk records of one attempt and keeps account of their acknowledgements. After the
 * first failure it sends no more: the attempt cannot be committed.
 */
final class BulkSender {

  private final KafkaProducer<byte[], byte[]> producer;
  private final byte[] key;
  private final String what;
  private final String remedyOfDenial;
  private final PendingAcks acks;

  /**
   * @param what the attempt, for messages
   * @param remedyOfDenial as of {@link PublishSettings#remedyOfDenial}
   */
  BulkSender(
      KafkaProducer<byte[], byte[]> producer,
      byte[] key,
      String what,
      String remedyOfDenial,
      PendingAcks acks) {
    this.producer = producer;
    this.key = key;
    this.what = what;
    this.remedyOfDenial = remedyOfDenial;
    this.acks = acks;
  }

  /**
   * Sends a record; blocks while the producer's memory is full.
   *
   * @param value copied before this returns
   * @param ranges takes in where the record ended up
   * @param result what the returned stage completes with when Kafka acknowledged it
   */
  CompletionStage<Integer> send(
      String topic, int partition, byte[] value, RangeCollector ranges, int result) {
    BrokerException failure = acks.failure();
    if (failure != null) {
      return CompletableFuture.failedFuture(failure);
    }
    Ack ack = new Ack(ranges, result);
    acks.sent();
    try {
      producer.send(new ProducerRecord<>(topic, partition, key, value), ack);
    } catch (RuntimeException e) {
      ack.fail(e);
    }
    return ack;
  }

  /** Both the producer's callback and the caller's future, to make one object of them. */
  private final class Ack extends CompletableFuture<Integer> implements Callback {

    private final RangeCollector ranges;
    private final int result;

    Ack(RangeCollector ranges, int result) {
      this.ranges = ranges;
      this.result = result;
    }

    @Override
    public void onCompletion(@Nullable RecordMetadata metadata, @Nullable Exception failure) {
      if (failure != null) {
        fail(failure);
      } else if (metadata == null || !metadata.hasOffset()) {
        // A retry of a record that the broker had, but too long ago to remember where.
        fail(new BrokerException(Code.RETRIABLE, "offset of a record is not known any more"));
      } else {
        ranges.add(metadata.partition(), metadata.offset());
        acks.acknowledged();
        complete(result);
      }
    }

    void fail(Exception failure) {
      BrokerException translated = KafkaErrors.translate(what, failure, remedyOfDenial);
      acks.failed(translated);
      completeExceptionally(translated);
    }
  }
}
