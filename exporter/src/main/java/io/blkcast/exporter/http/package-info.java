/** The exporter's HTTP API, and health and metrics on a port of their own. */
@NullMarked
package io.blkcast.exporter.http;

import org.jspecify.annotations.NullMarked;
