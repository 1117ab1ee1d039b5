/** The exporter as a whole, to be embedded: {@link io.blkcast.exporter.Exporter}. */
@NullMarked
package io.blkcast.exporter;

import org.jspecify.annotations.NullMarked;
