/**
 * The kernel module as a source of changes: the binary interface of blkfilter and blksnap, and
 * {@link io.blkcast.exporter.source.blksnap.BlksnapSource} on it.
 */
@NullMarked
package io.blkcast.exporter.source.blksnap;

import org.jspecify.annotations.NullMarked;
