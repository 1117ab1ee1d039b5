/**
 * Looks at a host, its kernel module and its brokers, and says what is in the way of an exporter.
 */
@NullMarked
package io.blkcast.exporter.doctor;

import org.jspecify.annotations.NullMarked;
