/**
 * From a trigger to a committed increment: the state machine of a volume, the pipeline from image
 * to Kafka, and what starts an increment. Knows sources and publishers by their interfaces alone.
 */
@NullMarked
package io.blkcast.exporter.increment;

import org.jspecify.annotations.NullMarked;
