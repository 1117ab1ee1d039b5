/**
 * The {@code blkcast} command, and the quickstart: broker, exporter and replicator in one process,
 * with a filesystem that is written to while increments are taken.
 */
@NullMarked
package io.blkcast.quickstart;

import org.jspecify.annotations.NullMarked;
