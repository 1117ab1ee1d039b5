/** What all processes share of Kafka: configuration, topics, and what its clients' errors mean. */
@NullMarked
package io.blkcast.kafka;

import org.jspecify.annotations.NullMarked;
