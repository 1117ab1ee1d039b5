@NullMarked
package io.blkcast.quickstart;

import org.jspecify.annotations.NullMarked;
