/** Who may do what on the topics, and who a Kafka client is to its brokers. */
@NullMarked
package io.blkcast.kafka.access;

import org.jspecify.annotations.NullMarked;
