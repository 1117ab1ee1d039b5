/** The {@code blkcast} program: the root command, the options that commands share, its output. */
@NullMarked
package io.blkcast.cli;

import org.jspecify.annotations.NullMarked;
