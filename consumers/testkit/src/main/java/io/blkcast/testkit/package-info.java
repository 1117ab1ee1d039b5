/** A Kafka broker inside the process, for the quickstart and for tests. */
@NullMarked
package io.blkcast.testkit;

import org.jspecify.annotations.NullMarked;
