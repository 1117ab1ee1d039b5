/** What the files of all parts have in common, those of their configuration and of their state. */
@NullMarked
package io.blkcast.config;

import org.jspecify.annotations.NullMarked;
