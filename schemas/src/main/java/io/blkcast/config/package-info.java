/** What configuration files of all parts have in common. */
@NullMarked
package io.blkcast.config;

import org.jspecify.annotations.NullMarked;
