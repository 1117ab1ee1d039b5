/**
 * Takes increments from Kafka: {@link io.blkcast.client.Follower} finds the committed ones of a
 * volume, fetches exactly the records that their manifests name, proves them whole, and hands them
 * to an {@link io.blkcast.client.IncrementSink}. {@link io.blkcast.client.SequentialReader} is the
 * other way of reading, for those who read the chunks topic alone.
 */
@NullMarked
package io.blkcast.client;

import org.jspecify.annotations.NullMarked;
