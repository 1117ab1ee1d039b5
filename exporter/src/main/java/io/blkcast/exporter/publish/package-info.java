/**
 * Kafka: topics, producers, the manifest, the checkpoint. Knows nothing of sources; the increment
 * package drives it through {@link io.blkcast.exporter.publish.VolumePublisher}.
 */
@NullMarked
package io.blkcast.exporter.publish;

import org.jspecify.annotations.NullMarked;
