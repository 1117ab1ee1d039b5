/** The pipeline in containers: the brokers of the compose file, exporter and replicator. */
@NullMarked
package io.blkcast.containers;

import org.jspecify.annotations.NullMarked;
