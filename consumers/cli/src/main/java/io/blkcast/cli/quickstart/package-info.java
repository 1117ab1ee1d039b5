/**
 * The quickstart: broker, exporter and replicator in one process, with a filesystem that is written
 * to while increments are taken.
 */
@NullMarked
package io.blkcast.cli.quickstart;

import org.jspecify.annotations.NullMarked;
