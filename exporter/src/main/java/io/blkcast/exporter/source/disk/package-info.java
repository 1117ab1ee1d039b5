/**
 * Tracked disks: raw images whose changes are tracked in user space with the semantics of the
 * kernel module, and {@link io.blkcast.exporter.source.disk.DiskSource} over them.
 */
@NullMarked
package io.blkcast.exporter.source.disk;

import org.jspecify.annotations.NullMarked;
