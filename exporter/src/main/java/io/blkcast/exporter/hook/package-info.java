/** Commands that make applications quiet around a snapshot, and undo it whatever dies. */
@NullMarked
package io.blkcast.exporter.hook;

import org.jspecify.annotations.NullMarked;
