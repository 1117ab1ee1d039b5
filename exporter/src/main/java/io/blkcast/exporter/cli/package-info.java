/** The exporter's commands, to be hung under a root command of whatever program holds them. */
@NullMarked
package io.blkcast.exporter.cli;

import org.jspecify.annotations.NullMarked;
