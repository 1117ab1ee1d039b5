/**
 * What the exporter needs of a device that tracks its changes: {@link
 * io.blkcast.exporter.source.ChangeSource}, and the values that pass through it. Nothing here knows
 * of Kafka.
 */
@NullMarked
package io.blkcast.exporter.source;

import org.jspecify.annotations.NullMarked;
