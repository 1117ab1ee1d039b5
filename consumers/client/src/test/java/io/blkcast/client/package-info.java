@NullMarked
package io.blkcast.client;

import org.jspecify.annotations.NullMarked;
