/**
 * The NBD protocol (fixed newstyle) and a server of it over any {@link io.blkcast.nbd.BlockStore}.
 * Knows nothing of the rest of the exporter.
 */
@NullMarked
package io.blkcast.nbd;

import org.jspecify.annotations.NullMarked;
