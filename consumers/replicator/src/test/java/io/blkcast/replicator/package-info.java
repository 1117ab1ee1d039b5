@NullMarked
package io.blkcast.replicator;

import org.jspecify.annotations.NullMarked;
