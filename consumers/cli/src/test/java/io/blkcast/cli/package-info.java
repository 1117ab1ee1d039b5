@NullMarked
package io.blkcast.cli;

import org.jspecify.annotations.NullMarked;
