/**
 * How records become bytes and back: the codec with its two framings, Kafka's serializers over it,
 * the digests, and the names of the topics.
 *
 * <p>A value is a frame header that names the writer's schema, followed by the record's Avro binary
 * encoding. {@link io.blkcast.codec.Framing} is the header, {@link io.blkcast.codec.RecordCodec}
 * the whole. {@code DataChunk} alone has a hand-made encoder and decoder, because payload bytes
 * must not be copied more often than Kafka's interfaces force.
 */
@NullMarked
package io.blkcast.codec;

import org.jspecify.annotations.NullMarked;
