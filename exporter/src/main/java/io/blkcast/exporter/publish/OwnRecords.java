package io.blkcast.exporter.publish;

import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import io.blkcast.schema.IncrementAborted;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/**
 * Where this process has written in the topics that commit a volume's increments. The brokers'
 * acknowledgement names the offset, so nobody else's record can be there, whatever it holds.
 */
final class OwnRecords {

  /** No list of the records of others is longer. */
  static final int MOST = 100;

  private record At(String topic, int partition, long offset) {}

  private final Set<At> records = new HashSet<>();

  void add(RecordMetadata written) {
    records.add(new At(written.topic(), written.partition(), written.offset()));
  }

  boolean contains(ConsumerRecord<byte[], byte[]> record) {
    return records.contains(new At(record.topic(), record.partition(), record.offset()));
  }

  /** What lies behind need not be remembered. */
  void forget() {
    records.clear();
  }

  /**
   * An end of an attempt commits nothing, whoever wrote it.
   *
   * @throws CodecException where the schema registry is needed to tell, and does not answer
   */
  static boolean endsAnAttempt(RecordCodec codec, byte[] value) {
    try {
      return codec.decode(ByteBuffer.wrap(value)) instanceof IncrementAborted;
    } catch (CodecException e) {
      if (e.code() == CodecException.Code.REGISTRY_UNAVAILABLE
          || e.code() == CodecException.Code.REGISTRY_DENIED) {
        throw e;
      }
      return false;
    } catch (RuntimeException | StackOverflowError e) {
      return false;
    }
  }
}
