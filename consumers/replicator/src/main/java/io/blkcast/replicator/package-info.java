/**
 * Keeps a raw image or a block device equal to a volume's snapshots: {@link
 * io.blkcast.replicator.Replicator} follows the volume, {@link io.blkcast.replicator.ReplicaSink}
 * writes, {@link io.blkcast.replicator.ReplicaVerifier} proves.
 */
@NullMarked
package io.blkcast.replicator;

import org.jspecify.annotations.NullMarked;
