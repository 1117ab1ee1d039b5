/**
 * How all processes of blkcast write what others said: escaped, cut and not too often. Everything
 * but {@link io.blkcast.log.Printable} needs Logback, and is named in {@code logback.xml}.
 */
@NullMarked
package io.blkcast.log;

import org.jspecify.annotations.NullMarked;
