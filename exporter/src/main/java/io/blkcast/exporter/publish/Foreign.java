package io.blkcast.exporter.publish;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * A record under a volume's key that this exporter did not write.
 *
 * @param owner what the record claims to be written by; anyone can claim anything
 */
record Foreign(String topic, int partition, long offset, Optional<String> owner) {

  static Foreign of(ConsumerRecord<byte[], byte[]> record) {
    Header owner = record.headers().lastHeader(CheckpointReader.OWNER_HEADER);
    return new Foreign(
        record.topic(),
        record.partition(),
        record.offset(),
        owner == null || owner.value() == null
            ? Optional.empty()
            : Optional.of(new String(owner.value(), StandardCharsets.US_ASCII)));
  }

  /** Where it is, for people. */
  String where() {
    return "offset " + offset + " of " + topic + "-" + partition;
  }
}
