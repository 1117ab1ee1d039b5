/**
 * The exporter's configuration: YAML with environment overrides, read once into records and refused
 * as a whole when anything in it is wrong. Knows nothing of what it configures.
 */
@NullMarked
package io.blkcast.exporter.config;

import org.jspecify.annotations.NullMarked;
